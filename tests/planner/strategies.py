"""Random plans for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.plan import (
    Backfill,
    BuildIndex,
    DropIndexConcurrently,
    Phase,
    Plan,
    PlanRelease,
    PlanSource,
    Requirement,
    Sql,
    Step,
    Verify,
)
from migrate_safe.sql.split import transaction_control

NAMEDATALEN = 64
BODY = "$ms$\nBEGIN\n  PERFORM 1; NULL;\n\n  RETURN NEW;\nEND\n$ms$ LANGUAGE plpgsql"
odd = st.text(max_size=40) | st.sampled_from(
    ["null", "0042", "yes", "a: b", "- x", "# no", " lead", "trail ", "\tx", "x\r\ny", "é'\"", "x\x85y", "\ufeff", "~"]
)
filled = odd.filter(lambda s: s.strip())
labels = filled.filter(lambda s: not any(c < " " or c == "\x7f" for c in s))
identifiers = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=20)
names = st.builds(Name, st.none() | identifiers, identifiers)
lines = st.lists(odd, max_size=4).map("\n".join)
sql_texts = st.one_of(
    st.builds(lambda n, t: f"COMMENT ON TABLE {n} IS {quote_literal(t)}", names, odd.filter(lambda t: "\0" not in t)),
    st.builds(lambda i: f"CREATE FUNCTION {quote_ident(i)}() RETURNS trigger AS {BODY}", identifiers),
    filled.filter(lambda t: "\0" not in t),
    lines.filter(lambda s: s.strip() and "\0" not in s),
).filter(lambda t: transaction_control(t) is None)  # fmt: skip
locks = st.builds(Lock, names, st.sampled_from(LockMode))
sqls = st.builds(
    Sql,
    st.lists(sql_texts, max_size=3).map(tuple),
    st.lists(locks, max_size=3).map(tuple),
    st.lists(st.builds(Requirement, lines, odd), max_size=2).map(tuple),
)
texts = odd.filter(lambda t: "\0" not in t).map(quote_literal)
expressions = st.one_of(
    texts,
    st.builds("{} IS NULL\n  AND {} ~ {} -- so\n".format, identifiers.map(quote_ident), st.just("b"), texts),
    st.sampled_from(["true", " lead", "trail ", "0042", "'null'", "(SELECT 1)\n"]),
)
short_names = names.filter(lambda n: all(len(part.encode()) < NAMEDATALEN for part in (n.schema or "", n.name)))
builds = st.builds(
    lambda t, i, more: BuildIndex(t, i, f"CREATE INDEX CONCURRENTLY {quote_ident(i.name)} ON {t} (({more}))"),
    short_names,
    short_names,
    expressions,
)
works = st.one_of(
    sqls,
    builds,
    st.builds(DropIndexConcurrently, names, names),
    st.builds(
        Backfill,
        names,
        st.lists(st.tuples(odd, expressions), max_size=3, unique_by=lambda p: p[0]).map(tuple),
        expressions,
    ),
    st.builds(Verify, names, expressions, odd),
)  # fmt: skip
waits = st.none() | st.sampled_from(["7d", "12h", "30m"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    ids = draw(st.lists(labels, min_size=1, max_size=5, unique=True))
    phases = sorted(draw(st.lists(st.sampled_from(Phase), min_size=len(ids), max_size=len(ids))), key=lambda p: p.order)
    steps: list[Step] = []
    for at, (step_id, phase) in enumerate(zip(ids, phases, strict=True)):
        irreversible = draw(st.none() | odd)
        purge = phase is Phase.PURGE and irreversible is not None and draw(st.booleans())
        back = draw(st.integers(0, at))
        steps.append(
            Step(
                step_id,
                phase,
                draw(lines),
                draw(works),
                None if purge else draw(works),
                tuple(ids[at - back : at]),
                draw(waits),
                irreversible,
            )
        )
    release = st.none() | st.builds(PlanRelease, odd, odd, odd, odd)
    return Plan(
        draw(labels),
        draw(lines),
        PlanSource(draw(odd), draw(odd)),
        tuple(steps),
        draw(odd),
        draw(st.lists(names, max_size=3).map(tuple)),
        draw(st.sampled_from([">=14", ">= 18"])),
        draw(release),
        draw(st.lists(lines, max_size=2).map(tuple)),
    )
