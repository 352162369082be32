"""Plans as YAML files: made to be read in review, read back as equal values, strict about mistakes."""

from __future__ import annotations

import re
from typing import Any, assert_never

from migrate_safe.model.errors import UsageError
from migrate_safe.model.locks import Lock, LockMode
from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.plan import (
    PLAN_FORMAT,
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
    Work,
)
from migrate_safe.model.postgres import MAJORS
from migrate_safe.model.source import Source
from migrate_safe.model.statement import CreateIndex
from migrate_safe.planner.readable_yaml import Flow, dump
from migrate_safe.planner.strict_yaml import Box, load, nearest
from migrate_safe.sql.parse import parse_expression, parse_script
from migrate_safe.sql.plpgsql import body_problem
from migrate_safe.sql.split import split_statements, transaction_control

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_NAME = re.compile(rf"({_IDENTIFIER})(?:\.({_IDENTIFIER}))?\Z")
_WAIT = re.compile(r"[1-9][0-9]{0,5}[mhd]\Z")
_VERSION = re.compile(r">=\s*[0-9]{1,4}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORKS = ("sql", "build_index", "drop_index", "backfill", "verify")
_SQL_EXTRAS = ("locks", "require")


# ---- writing -------------------------------------------------------------------------------


def to_yaml(plan: Plan) -> str:
    """Write a plan as its YAML file."""
    return dump(to_data(plan))


def to_data(plan: Plan) -> dict[str, Any]:
    """Give a plan as the plain mappings, lists and texts of its file."""
    head: dict[str, Any] = {
        "format": PLAN_FORMAT,
        "name": plan.name,
        "summary": plan.summary,
        "source": Flow(file=plan.source.file, sha256=plan.source.sha256),
        "target": {
            "postgres": plan.postgres,
            "schema_fingerprint": plan.fingerprint,
            "touches": [str(name) for name in plan.touches],
        },
    }
    if plan.release is not None:
        r = plan.release
        head["release"] = Flow({"app": r.app, "from": r.old, "to": r.new, "strategy": r.strategy})
    if plan.notes:
        head["notes"] = list(plan.notes)
    head["steps"] = [_step(step) for step in plan.steps]
    return head


def _step(step: Step) -> dict[str, Any]:
    out: dict[str, Any] = {"id": step.id, "phase": step.phase.value, "does": step.does}
    if step.not_before is not None:
        out["not_before"] = step.not_before
    if step.irreversible is not None:
        out["irreversible"] = step.irreversible
    out["transaction"] = isinstance(step.work, Sql)
    out |= _work(step.work)
    if step.undo is not None:
        out["undo"] = _undo(step.work, step.undo)
    if step.takes_back:
        out["takes_back"] = list(step.takes_back)
    return out


def _undo(work: Work, undo: Work) -> Any:
    """Write an undo as bare text where it takes the locks of the way forward and requires nothing."""
    if isinstance(undo, Sql) and undo.statements and not undo.require:
        text = _statements(undo.statements)
        if isinstance(text, str) and isinstance(work, Sql) and work.locks == undo.locks:
            return text
    return _work(undo)


def _work(work: Work) -> dict[str, Any]:
    match work:
        case Sql():
            return _sql(work)
        case BuildIndex():
            return {"build_index": {"table": str(work.table), "index": str(work.index), "sql": work.statement}}
        case DropIndexConcurrently():
            return {"drop_index": Flow(table=str(work.table), index=str(work.index))}
        case Backfill():
            return {"backfill": {"table": str(work.table), "set": dict(work.assign), "unset": work.unset}}
        case Verify():
            return {"verify": {"table": str(work.table), "holds": work.holds, "message": work.message}}
        case _:
            assert_never(work)


def _sql(work: Sql) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if work.require:
        out["require"] = [{"query": r.query, "message": r.message} for r in work.require]
    if work.locks:
        out["locks"] = [str(lock) for lock in work.locks]
    out["sql"] = _statements(work.statements)
    return out


def _statements(statements: tuple[str, ...]) -> str | list[str]:
    """Give one text where it splits into the same statements again, else a list of them."""
    text = ";\n".join(statements) + ";\n"
    try:
        return text if statements and split_statements(text) == statements else list(statements)
    except UsageError:
        return list(statements)


# ---- reading -------------------------------------------------------------------------------


def from_yaml(text: str, path: str = "<plan>") -> Plan:
    """Read a plan; whatever does not fit the format is a UsageError with file and line."""
    box = load(text, path, "the plan")
    got = box.fields(("format", "name", "summary", "source", "target", "steps"), ("release", "notes"))
    if got["format"].text() != PLAN_FORMAT:
        raise got["format"].error(f'cannot be "{got["format"].text()}"', f"this version reads {PLAN_FORMAT}")
    if not got["steps"].items():
        raise got["steps"].error("holds no step", "write the plan anew: migrate-safe plan MIGRATION.sql -o PLAN")
    target = got["target"].fields(("postgres", "schema_fingerprint", "touches"))
    return Plan(
        name=_label(got["name"]),
        summary=got["summary"].text(),
        source=_read_source(got["source"]),
        steps=_read_steps(got["steps"]),
        fingerprint=target["schema_fingerprint"].text(),
        touches=tuple(_name(x) for x in target["touches"].items()),
        postgres=_read_version(target["postgres"]),
        release=_read_release(got["release"]) if "release" in got else None,
        notes=tuple(x.text() for x in got["notes"].items()) if "notes" in got else (),
    )


def step_lines(text: str) -> dict[str, int]:
    """Give the line (from 1) at which each step of a plan that can be read stands."""
    steps = dict(load(text, "<plan>", "the plan").entries())["steps"]
    items = Box("<plan>", steps, "steps").items()
    return {_read_step(item).id: item.node.start_mark.line + 1 for item in items}


def _read_version(box: Box) -> str:
    text = box.text()
    if not _VERSION.match(text):
        raise box.error(f'is no version: "{text}"', f'write the oldest that it is for: ">={MAJORS[0]}"')
    return text


def _read_source(box: Box) -> PlanSource:
    got = box.fields(("file", "sha256"))
    return PlanSource(got["file"].text(), got["sha256"].text())


def _read_release(box: Box) -> PlanRelease:
    got = box.fields(("app", "from", "to"), ("strategy",))
    strategy = got["strategy"].text() if "strategy" in got else "rolling"
    return PlanRelease(got["app"].text(), got["from"].text(), got["to"].text(), strategy)


def _read_steps(box: Box) -> tuple[Step, ...]:
    steps: list[Step] = []
    for item in box.items():
        step = _read_step(item)
        if any(step.id == s.id for s in steps):
            raise item.error(f'has the id "{step.id}" of an earlier step', "give each step an id of its own")
        if steps and step.phase.order < steps[-1].phase.order:
            raise item.error(
                f'("{step.id}") is of phase {step.phase} and stands after a step of phase {steps[-1].phase}',
                "order the steps: expand, migrate, contract, purge",
            )
        _check_takes_back(item, step, steps)
        steps.append(step)
    return tuple(steps)


def _check_takes_back(box: Box, step: Step, before: list[Step]) -> None:
    preceding = tuple(s.id for s in before[len(before) - len(step.takes_back) :])
    if step.takes_back and step.takes_back != preceding:
        known = [s.id for s in before]
        stranger = next((x for x in step.takes_back if x not in known), None)
        hint = nearest(stranger, known) if stranger and known else "name the steps directly before it, in order"
        raise box.error(f'("{step.id}") takes back steps that do not directly precede it', hint)


def _read_step(item: Box) -> Step:
    optional = ("transaction", *_WORKS, *_SQL_EXTRAS, "undo", "takes_back", "not_before", "irreversible")
    got = item.fields(("id", "phase", "does"), optional)
    step_id = _label(got["id"])
    box = Box(item.path, item.node, f'step "{step_id}"')
    phase = Phase(got["phase"].one_of(p.value for p in Phase))
    work = _read_work(box, got)
    if "transaction" in got and got["transaction"].flag() != isinstance(work, Sql):
        raise got["transaction"].error("does not fit its work", "only `sql:` runs in one transaction")
    undo = _read_undo(got["undo"], work) if "undo" in got else None
    irreversible = got["irreversible"].text() if "irreversible" in got else None
    if undo is None and (phase is not Phase.PURGE or irreversible is None):
        hint = "say under `irreversible:` what is lost" if phase is Phase.PURGE else "add `undo:`"
        raise box.error("has no way back", hint)
    return Step(
        step_id,
        phase,
        got["does"].text(),
        work,
        undo,
        tuple(x.text() for x in got["takes_back"].items()) if "takes_back" in got else (),
        _wait(got["not_before"]) if "not_before" in got else None,
        irreversible,
    )


def _read_undo(box: Box, work: Work) -> Work:
    if box.is_text() or box.is_list():
        return Sql(_read_statements(box), work.locks if isinstance(work, Sql) else ())
    return _read_work(box, box.fields((), (*_WORKS, *_SQL_EXTRAS)))


def _read_work(box: Box, got: dict[str, Box]) -> Work:
    kinds = [k for k in _WORKS if k in got]
    if len(kinds) != 1:
        does = "nothing to do" if not kinds else f"several works ({', '.join(kinds)})"
        raise box.error(f"has {does}", "write exactly one of: " + ", ".join(_WORKS))
    if kinds[0] != "sql":
        for extra in _SQL_EXTRAS:
            if extra in got:
                raise got[extra].error("belongs to `sql:` only", f'remove "{extra}"')
    inner = got[kinds[0]]
    match kinds[0]:
        case "build_index":
            return _read_build(inner)
        case "drop_index":
            f = inner.fields(("table", "index"))
            return DropIndexConcurrently(_name(f["table"]), _name(f["index"]))
        case "backfill":
            f = inner.fields(("table", "set", "unset"))
            return Backfill(_name(f["table"]), f["set"].texts(_expression), _expression(f["unset"]))
        case "verify":
            f = inner.fields(("table", "holds", "message"))
            return Verify(_name(f["table"]), _expression(f["holds"]), f["message"].text())
        case _:
            locks = tuple(_lock(x) for x in got["locks"].items()) if "locks" in got else ()
            require = tuple(_requirement(x) for x in got["require"].items()) if "require" in got else ()
            return Sql(_read_statements(inner), locks, require)


def _read_statements(box: Box) -> tuple[str, ...]:
    listed = tuple(_filled(x) for x in box.items()) if box.is_list() else None
    try:
        found = split_statements(box.text()) if listed is None else listed
        controls = [control for text in found if (control := transaction_control(text)) is not None]
    except UsageError as error:
        raise box.error(f"is no SQL: {error.message}", error.next_move) from error
    if controls:
        # a step and its journal event are one transaction: a COMMIT inside would end it, and its timeouts, half-way
        raise box.error(f'may not hold "{controls[0]}"', "leave it out: each step brings its own transaction")
    for text in found:
        # the server would refuse a broken body only when the step runs: that of an undo, when it is too late
        if (problem := body_problem(text)) is not None:
            raise box.error(f"holds a body that does not compile: {problem}", "correct it, or plan anew", within=text)
    return found


def _requirement(box: Box) -> Requirement:
    got = box.fields(("query", "message"))
    return Requirement(got["query"].text(), got["message"].text())


def _lock(box: Box) -> Lock:
    mode, _, relation = box.text().partition(" on ")
    modes = {m.sql: m for m in LockMode}
    if mode not in modes:
        raise box.error(f'names no lock mode: "{mode}"', nearest(mode, modes))
    return Lock(_parse_name(relation, box), modes[mode])


def _name(box: Box) -> Name:
    return _parse_name(box.text(), box)


def _parse_name(text: str, box: Box) -> Name:
    """Read a name as `str(Name)` writes it; unquoted parts are folded to lower case as the server does."""
    found = _NAME.match(text)
    if found is None:
        raise box.error(f'is no name: "{text}"', 'write it as schema.name, quoted ("Odd name") where needed')
    parts = [_unquote(p) for p in found.groups() if p is not None]
    return Name(None, parts[0]) if len(parts) == 1 else Name(parts[0], parts[1])


def _unquote(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()


def _filled(box: Box) -> str:
    text = box.text()
    if not text.strip():
        raise box.error("is empty", "fill it in")
    return text


def _label(box: Box) -> str:
    text = _filled(box)
    if _CONTROL.search(text):
        raise box.error("holds a character that cannot be shown", "write it in one line of plain text")
    return text


def _expression(box: Box) -> str:
    text = box.text()
    try:
        parse_expression(text)
    except UsageError as error:
        raise box.error(f"is no expression: {error.message}", error.next_move) from error
    return text


def _read_build(box: Box) -> BuildIndex:
    got = box.fields(("table", "index", "sql"))
    table, index, text = _name(got["table"]), _name(got["index"]), got["sql"].text()
    try:
        actions = [statement.action for statement in parse_script(Source("plan", text)).statements]
    except UsageError as error:
        raise got["sql"].error(f"is no SQL: {error.message}", error.next_move) from error
    match actions:
        case [CreateIndex(table=on, index=made, concurrently=True)] if made.name == index.name and on in (
            table,
            Name(None, table.name),
        ):
            return BuildIndex(table, index, text)
        case _:
            hint = f"write it: CREATE INDEX CONCURRENTLY {quote_ident(index.name)} ON {table} ..."
            raise got["sql"].error(f"does not build {index} on {table} concurrently", hint)


def _wait(box: Box) -> str:
    text = box.text()
    if not _WAIT.match(text):
        raise box.error(f'is no waiting time: "{text}"', "write minutes, hours or days: 30m, 12h, 7d")
    return text
