"""Why a plan goes the way it goes: the road that was taken for each statement, and those that were not.

Cheapest first: metadata only, then NOT VALID and CONCURRENTLY, then a second column or a view that stands in. The step
that only one road has tells which it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from migrate_safe.model.values import replace


class Strategy(Struct, frozen=True):
    """A road and its reason, and the roads not taken, each with why not."""

    chosen: str
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()


_PLAIN_SCAN = ("the statement as it stands", "it reads the whole table under a lock that keeps clients out")
_FACADE = (
    "a view in place of the table",
    "no other migration can alter the table meanwhile, and ORMs see no keys of it",
)

_BY_STEP: dict[str, Strategy] = {
    "run-sql": Strategy(
        "the statement as it stands, with the undo that stands above it",
        "its author says how it is taken back, which overrides every other road",
    ),
    "add-synced-column": Strategy(
        "a second column that triggers keep in step",
        "both app versions read and write their own name, and nothing is lost on the way back",
        (
            ("the statement as it stands", "at no moment would both app versions work"),
            _FACADE,
            ("a new table with a copy of all rows", "it costs all rows and indexes, for what one column does"),
        ),
    ),
    "create-facade": Strategy(
        "a view under the new name until contract",
        "it has the shape of the table, costs nothing and copies no row; nothing known here needs more than it can do",
        (
            ("the statement as it stands", "at no moment would both app versions work"),
            ("a view under the old name", "the old app, which is running, would meet its limits"),
            ("a new table with sync and backfill", "it costs all rows and indexes, for what is metadata"),
        ),
    ),
    "attach-index-partitions": Strategy(
        "ON ONLY the table, CONCURRENTLY on each partition, then ATTACH",
        "nobody waits for longer than an instant",
        (
            ("CREATE INDEX as it stands", "it keeps the writers of all partitions out until the last is read"),
            ("CREATE INDEX CONCURRENTLY", "the server refuses it on a partitioned table"),
        ),
    ),
    "swap-index": Strategy(
        "a new index beside the old one, then their names change places",
        "it can be taken back, and a build that is cut off leaves the old one in use",
        (
            ("REINDEX", "it keeps writers out until it has read the whole table"),
            ("REINDEX CONCURRENTLY", "nothing tells afterwards whether it was done, so it cannot be resumed"),
        ),
    ),
    "hide-index": Strategy(
        "rename it, go on maintaining it until purge",
        "if a query turns out to need it, one step brings it back",
        (
            ("DROP INDEX", "it waits for, and keeps out, everybody who uses the table"),
            ("DROP INDEX CONCURRENTLY in contract", "the way back would build it again, for hours"),
        ),
    ),
    "drop-unique-index": Strategy(
        "drop it CONCURRENTLY in contract; the way back builds it",
        "it would refuse what the new app may write",
        (
            ("rename it, go on maintaining it", "it would go on refusing duplicates"),
            ("drop it in expand", "the old app may upsert on it"),
        ),
    ),
    "hide-table": Strategy(
        "move it into a schema that nobody may look into, until purge",
        "queries that come late fail loudly, and one step brings it back with all rows",
        (
            ("DROP TABLE in contract", "nothing would bring its rows back"),
            ("rename it in its schema", "its indexes and sequences would keep their names from new ones"),
            ("REVOKE", "the owner, superusers and grants to PUBLIC pass it by"),
        ),
    ),
    "hide-column": Strategy(
        "rename it out of sight, drop it in purge",
        "queries that come late fail loudly, and one step brings it back with its data",
        (
            ("DROP COLUMN in contract", "nothing would bring its data back"),
            ("REVOKE on the column", "a grant on the table voids it"),
        ),
    ),
    "disable-trigger": Strategy(
        "switch it off, drop it in purge",
        "one step switches it on again",
        (("DROP TRIGGER", "its text would be gone"),),
    ),
    "add-converted-column": Strategy(
        "a second column of the new type that triggers keep in step",
        "nothing is written anew under a lock, and both app versions keep what they wrote",
        (("the statement as it stands", "it writes the whole table anew while nobody can use it"), _FACADE),
    ),
    "make-anew": Strategy(
        "one transaction drops and makes it, or CREATE OR REPLACE where that leads to the same",
        "a name stands for one thing at a time, and both are an instant",
        (
            ("the statements as they stand, one after the other", "clients in between would find nothing"),
            ("the new one under another name until contract", "no app would find it, and triggers would act twice"),
        ),
    ),
    "name-index": Strategy(
        "a new index beside the old one, which takes its name when that is out of sight",
        "queries have one of them at every moment, and nobody waits for the build",
        (
            (
                "the statements as they stand",
                "queries would do without until the build is done, and writers wait for it",
            ),
        ),
    ),
    "set-not-null": Strategy(
        "a CHECK that is NOT VALID, VALIDATE, then SET NOT NULL",
        "the proof saves the scan, so that each lock lasts an instant",
        (_PLAIN_SCAN,),
    ),
    "attach-unique": Strategy(
        "an index built CONCURRENTLY that the constraint takes over",
        "nobody waits for the build",
        (("the statement as it stands", "it builds its index under a lock that keeps everybody out"),),
    ),
    "validate-constraint": Strategy(
        "NOT VALID, then VALIDATE", "the lock that blocks lasts an instant, the scan blocks nobody", (_PLAIN_SCAN,)
    ),
    "build-index": Strategy(
        "CREATE INDEX CONCURRENTLY",
        "nobody waits",
        (("CREATE INDEX as it stands", "it keeps writers out until it has read the whole table"),),
    ),
    "backfill": Strategy(
        "the column first, then its values in batches",
        "no lock lasts",
        (("the statement as it stands", "it writes the whole table anew while nobody can use it"),),
    ),
    "drop-constraint": Strategy(
        "drop it; the way back adds it NOT VALID and proves it",
        "metadata only, and rows that break it meanwhile are found before it comes back",
    ),
}
_ENFORCED = frozenset({"validate-constraint", "set-not-null", "attach-unique", "check-duplicates"})
_TOO_EARLY = ("the same in migrate", "rows that the old app writes until it is gone may break it")
_METADATA = Strategy("the statement as it stands", "it changes metadata alone, and its undo is what the catalog held")
_HIDDEN = Strategy(
    "move it out of sight, drop it in purge",
    "one step brings it back",
    (("DROP at once", "nothing would bring it back"),),
)


def strategy_of(steps: Iterable[str]) -> Strategy:
    """Give the road that a statement's steps show, by the ids of the steps."""
    names = [step.split(".") for step in steps]
    words = {name[1] for name in names}
    found = next((strategy for word, strategy in _BY_STEP.items() if word in words), None)
    if found is not None:
        late = any(phase == "contract" and word in _ENFORCED for phase, word, *_ in names)
        return replace(found, rejected=(*found.rejected, _TOO_EARLY)) if late else found
    return _HIDDEN if any(word.startswith("hide-") for word in words) else _METADATA
