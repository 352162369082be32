"""How often lint is right on whole histories of migrations, held to a server, with squawk beside it: see README.md.

python benchmarks/histories.py FOLDER... --postgres 15 --squawk .squawk/bin/squawk
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.oracle import Hazard, Seen, replay
from migrate_safe.adapters.files import find_histories, is_down, read_source
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.app.lint import LintRequest, SqlLinter, analyse_in_turn
from migrate_safe.effects.analyse import schema_after
from migrate_safe.model.effect import Analysed
from migrate_safe.model.finding import Finding, Unanalysed
from migrate_safe.model.locks import LockMode
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    Action,
    AddColumn,
    AddConstraint,
    AlterTable,
    CreateTable,
    CreateView,
    Direction,
    Dml,
    DoBlock,
    RefreshView,
    Script,
    Statement,
    Truncate,
    ValidateConstraint,
)
from migrate_safe.sql.parse import parse_script

_REWRITE, _SCAN, _BUILD, _KEY, _FAR = Hazard
OURS = {
    "add-column-rewrite add-domain-column add-identity-column add-serial-column add-stored-column": (_REWRITE,),
    "column-type-narrower column-type-rewrite column-type-time-zone": (_REWRITE,),
    "refresh-not-concurrent storage-rewrite table-rewrite vacuum-full": (_REWRITE,),
    "add-check-scan add-not-null-without-default attach-partition-scan": (_SCAN,),
    "blocking-scan": (_SCAN, _BUILD, _KEY, _FAR),
    "domain-constraint-scan partition-beside-default set-not-null-scan": (_SCAN,),
    "column-type-recheck primary-key-scan": (_SCAN, _BUILD),
    "constraint-builds-index exclusion-constraint index-not-concurrent reindex-not-concurrent": (_BUILD,),
    "add-foreign-key-scan": (_KEY, _SCAN),
    "validate-while-locked": (_SCAN, _KEY),
}
THEIRS = {
    "adding-field-with-default": (_REWRITE,),
    "changing-column-type": (_REWRITE, _BUILD, _SCAN),
    "adding-not-nullable-field adding-required-field": (_SCAN,),
    "constraint-missing-not-valid": (_SCAN, _KEY, _BUILD),
    "adding-serial-primary-key-field": (_BUILD, _REWRITE),
    "disallowed-unique-constraint require-concurrent-index-creation require-concurrent-reindex": (_BUILD,),
    "adding-foreign-key-constraint": (_KEY, _SCAN, _FAR),
}
"""Of which hazards a rule speaks, here and in squawk: right where one of them comes, else wrong of the first."""

RULES = {"findings": OURS, "squawk": THEIRS}

BESIDE = {_REWRITE: {_SCAN, _BUILD, _KEY}, _BUILD: {_SCAN}}
"""What a rewrite or a build brings along, for its table and those with keys to it: it does not count beside it."""


class Row(Struct, frozen=True):
    """One statement that the server ran: the hazards that it showed, and that each of the others told."""

    seen: Seen
    analysed: Analysed
    server: frozenset[Hazard]
    told: Mapping[str, frozenset[Hazard]]


class Tally(Struct):
    """What came of a folder, or of several."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Seen] = field(default_factory=list)
    unanalysed: list[Unanalysed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    statements: int = 0
    seconds: float = 0.0


def measure(folder: Path, server: ScratchServer, squawk: str | None = None) -> Tally:
    """Replay each history of a folder, and hold lint to it file by file; the ways back are linted alone."""
    tally = Tally()
    for history, meant in find_histories([folder]):
        linter, dsn, schema = SqlLinter.of(LintRequest(())), server.create_database(), Schema()
        heard = _heard(squawk, meant) if squawk else {}
        for path in meant:
            source = read_source(path)
            tally.files += 1
            if isinstance(source, Unanalysed):
                tally.unanalysed.append(source)
                continue
            began = time.perf_counter()
            script = parse_script(source, runner=history.runner(path))
            analysed = tuple(analyse_in_turn(script, schema, among=history.is_among_others(path)))
            judged = linter.judge(script, analysed)
            tally.seconds += time.perf_counter() - began
            tally.statements += judged.statements
            tally.unanalysed += judged.unanalysed
            tally.findings += judged.findings
            if history.is_ordered(path) and not is_down(path):
                schema = schema_after((a for a in analysed if a.statement.direction is Direction.UP), schema)
                _hold(tally, replay(dsn, script), analysed, judged.findings, _by_statement(script, heard.get(path, ())))
    return tally


def _hold(
    tally: Tally,
    replayed: Iterable[Seen],
    analysed: Sequence[Analysed],
    findings: Sequence[Finding],
    heard: Mapping[int, set[str]],
) -> None:
    predicted = {a.statement.span.start: a for a in analysed if a.statement.direction is Direction.UP}
    found: defaultdict[int, set[str]] = defaultdict(set)
    for finding in findings:
        found[finding.span.start].add(finding.rule)
    for seen in replayed:
        start = seen.statement.span.start
        if seen.facts is None:
            tally.refused.append(seen)
            continue
        if _is_planned(seen.statement):
            continue
        one = predicted[start]
        spoken = {"findings": _within(found, seen.statement), "squawk": heard.get(start, set())}
        tally.rows.append(row_of(seen, one, _predicted(one), spoken))


def row_of(seen: Seen, one: Analysed, predicted: Iterable[Hazard], spoken: Mapping[str, Iterable[str]]) -> Row:
    """Put together what a server did, what was predicted, and what rules spoke of: `findings`, `squawk`."""
    server = {hazard for hazard, tables in (seen.facts or {}).items() if tables}
    told = {"effects": set(predicted)}
    told |= {who: _hazards_of(RULES[who], set(rules), server) for who, rules in spoken.items()}
    beside = {other for hazard in server for other in BESIDE.get(hazard, ())}
    return Row(seen, one, frozenset(server - beside), {who: frozenset(told[who] - beside) for who in told})


def _is_planned(statement: Statement) -> bool:
    """Say whether the server's planner decides what the statement reads, and nothing tells of it."""
    match statement.action:
        case Dml() | RefreshView() | CreateView() | CreateTable(as_query=True):
            return True
        case _:
            return False


def _within(found: Mapping[int, set[str]], statement: Statement) -> set[str]:
    return {
        rule for start, rules in found.items() if statement.span.start <= start < statement.span.end for rule in rules
    }


def _hazards_of(speaking: Mapping[str, tuple[Hazard, ...]], spoken: set[str], server: set[Hazard]) -> set[Hazard]:
    found = [
        set(hazards) & server or {hazards[0]} for names, hazards in speaking.items() if spoken & set(names.split())
    ]
    return {hazard for hazards in found for hazard in hazards}


# ---- what the effects say ----------------------------------------------------------------------


def _predicted(one: Analysed) -> frozenset[Hazard]:
    """Give the hazards that the effect of a statement tells of tables that were there before the file."""
    effect, action = one.effect, one.statement.action
    if isinstance(action, Truncate):
        return frozenset()
    old = {lock.relation for lock in effect.locks} | set(effect.rewrites) | set(effect.scans) | set(effect.builds)
    old = {n for n in old - one.born - _made(one) if n.schema != "pg_temp" and n not in one.before.sequences}
    old = {n for n in old if one.before.index_table(n) is None}
    blocked = {lock.relation for lock in (*one.held, *effect.locks) if lock.mode.blocks_writes}
    held = {lock.relation: lock.mode for lock in one.held}
    rewrites, builds = set(effect.rewrites) & old, set(effect.builds) & old & blocked
    keyed = {here for here, _, checked in _keys(one) if checked}
    scans = (set(effect.scans) & old & blocked) - (set(effect.looked_up) - keyed) - rewrites - builds
    here = {one.before.resolve(table) for each in _inner(action) for table in _tables(each)}
    taken = {
        lock.relation
        for lock in effect.locks
        if lock.mode is LockMode.SHARE_ROW_EXCLUSIVE and lock.mode > held.get(lock.relation, 0)
    }
    keys = keyed & set(effect.scans) & old & blocked
    far = {far for here, far, _ in _keys(one) if here != far}
    facts = {
        Hazard.REWRITE: rewrites,
        Hazard.SCAN: scans,
        Hazard.BUILD: builds - rewrites,
        Hazard.KEY: set() if rewrites else keys,
        Hazard.FAR_LOCK: taken & old & far if here else set(),
    }
    return frozenset(hazard for hazard, tables in facts.items() if tables)


def _made(one: Analysed) -> set[Name]:
    """Give the tables that a block makes for itself."""
    made = {one.before.resolve(each.table) for each in _inner(one.statement.action) if isinstance(each, CreateTable)}
    return made - set(one.before.tables)


def _keys(one: Analysed) -> Iterator[tuple[Name, Name, bool]]:
    """Give, for each foreign key that a statement adds or validates, both tables, and whether rows may be looked up."""
    for action in _inner(one.statement.action):
        match action:
            case CreateTable(table=table, columns=columns, constraints=constraints):
                every = (*constraints, *(c for column in columns for c in column.constraints))
                added = [(c.references.table, True) for c in every if c.references is not None]
            case AlterTable(table=table, actions=actions):
                added = [far for part in actions for far in _referred(one, table, part)]
            case _:
                continue
        for far, checked in added:
            yield one.before.resolve(table), one.before.resolve(far), checked


def _referred(one: Analysed, table: Name, part: object) -> Iterator[tuple[Name, bool]]:
    match part:
        case AddConstraint(constraint=constraint) if constraint.references is not None:
            yield constraint.references.table, constraint.validated
        case AddColumn(definition=definition):
            says_default = definition.column.default is not None  # without, the server looks nothing up
            for c in definition.constraints:
                if c.references is not None:
                    yield c.references.table, says_default
        case ValidateConstraint(name=name):
            known = one.before.table(table)
            for c in known.constraints if known is not None else ():
                if c.name == name and c.references is not None:
                    yield c.references.table, True


def _inner(action: Action) -> Iterator[Action]:
    if isinstance(action, DoBlock):
        for statement in action.inner:
            yield from _inner(statement.action)
    else:
        yield action


def _tables(action: Action) -> Iterator[Name]:
    if isinstance(action, CreateTable | AlterTable):
        yield action.table


# ---- squawk ------------------------------------------------------------------------------------


def _heard(squawk: str, paths: Sequence[Path]) -> dict[Path, list[dict[str, object]]]:
    """Run squawk, as it comes, on files; its lines and columns count from 0."""
    done = subprocess.run([squawk, "--reporter", "Json", *map(str, paths)], capture_output=True, text=True, check=False)
    said: defaultdict[Path, list[dict[str, object]]] = defaultdict(list)
    for one in json.loads(done.stdout or "[]"):
        said[Path(one["file"])].append(one)
    return said


def _by_statement(script: Script, said: Iterable[Mapping[str, object]]) -> dict[int, set[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for one in said:
        place = (int(str(one["line"])) + 1, int(str(one["column"])) + 1)
        for statement in script.statements:
            span = statement.span
            if (span.line, span.column) <= place < (span.end_line, span.end_column):
                found[span.start].add(str(one["rule_name"]))
    return found


# ---- words -------------------------------------------------------------------------------------


def table_of(rows: Sequence[Row], who: Sequence[str]) -> Iterator[str]:
    """Write, for each hazard, how often it came, and the recall (missed) and precision (wrong) of each who told."""
    yield f"{'':45} {'seen':>5}" + "".join(f"  {name:>30}" for name in who)
    for hazard in Hazard:
        line = f"{hazard:45} {sum(hazard in row.server for row in rows):5}"
        for name in who:
            count = Counter((hazard in row.server, hazard in row.told[name]) for row in rows)
            hit, missed, wrong = count[True, True], count[True, False], count[False, True]
            line += f"  {_share(hit, hit + missed):>7} {missed:>6} {_share(hit, hit + wrong):>8} {wrong:>6}"
        yield line


def differences(rows: Iterable[Row], name: str) -> Iterator[str]:
    """Write each statement of which one told what the server did not do, or did not tell what it did."""
    for row in rows:
        for hazard in sorted(row.server ^ row.told[name]):
            kind = "missed" if hazard in row.server else "wrong"
            yield f"{kind} {hazard.name} {row.seen.statement.span}: {' '.join(row.seen.statement.text.split())[:200]}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def main() -> None:
    """Measure folders, and print the figures of each and of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--postgres", default="auto", help="the scratch server, as of migrate-safe trace")
    parser.add_argument("--squawk", help="its program, to measure it on the same files")
    parser.add_argument("--differences", choices=("effects", "findings", "squawk"), help="list where it was not right")
    given = parser.parse_args()
    who = ("effects", "findings", *(("squawk",) if given.squawk else ()))
    rows: list[Row] = []
    with scratch_server(given.postgres) as server:
        for folder in given.folders:
            tally = measure(folder, server, given.squawk)
            rows += tally.rows
            _say(
                f"{folder}: {tally.files} files, {tally.statements} statements, {len(tally.rows)} judged, "
                f"{len(tally.refused)} refused, {len(tally.unanalysed)} not analysed, "
                f"{len(tally.findings)} findings in {tally.seconds:.1f} s",
                *(differences(tally.rows, given.differences) if given.differences else ()),
            )
    _say("", *table_of(rows, who))


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
