"""Plan a migration file: read it, find out what the database holds before it, and split it into phases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.files import digest, is_file, is_folder, read_source, write_text
from migrate_safe.adapters.frameworks import framework_of
from migrate_safe.app.schema_source import Known, named_schema, schema_before
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.plan import Plan, PlanSource, bad_name
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Script, Unparsed
from migrate_safe.planner.build import build_plan, decide
from migrate_safe.planner.codec import to_yaml
from migrate_safe.planner.decision import Decision
from migrate_safe.planner.several import joined
from migrate_safe.planner.spoken import refuse_misspoken
from migrate_safe.report.plan import PLANNED
from migrate_safe.sql.parse import parse_script


class PlanRequest(Struct, frozen=True):
    """What to plan: the file, and the database before it (`schema`; else the earlier files of its folder).

    `name` is the plan's; the file's name without its ending where None. `version` is the server's major. `more` are
    files that follow the first one, in order, and become part of the same plan.
    """

    path: Path
    schema: Sequence[str] = ()
    name: str | None = None
    version: int | None = None
    more: Sequence[Path] = ()


def plan(request: PlanRequest) -> Plan:
    """Plan one migration. Raises UsageError for what cannot be read, Refused for what has no safe road."""
    script, known = _read(request)
    files = (request.path, *request.more)
    source = PlanSource(", ".join(map(str, files)), digest(*files))
    framework = script.framework or framework_of(request.path.parent, [request.path])
    return build_plan(script, known.schema, name=_name(request), source=source, framework=framework)


def reasons(request: PlanRequest) -> tuple[Decision, ...]:
    """Give what was decided for each statement of a migration. Raises as `plan` does."""
    script, known = _read(request)
    return decide(script, known.schema, _name(request))[0]


def _name(request: PlanRequest) -> str:
    name = request.path.stem if request.name is None else request.name
    if (why := bad_name(name)) is not None:
        raise UsageError(f"{name!r} is no name for a plan: {why}", next_move="give another with --name")
    return name


def _read(request: PlanRequest) -> tuple[Script, Known]:
    script = joined([_script(path) for path in (request.path, *request.more)])
    known = _known(request)
    if known.unread:
        first = known.unread[0]
        raise UsageError(first.reason, place=f"{first.file}:{first.line}", next_move="correct it, or give --schema")
    return script, known


def _script(path: Path) -> Script:
    if is_folder(path):
        raise UsageError(f'"{path}" is a folder', next_move="name one migration file of it")
    source = read_source(path)
    if isinstance(source, Unanalysed):
        raise UsageError(source.reason, place=f"{source.file}:{source.line}", next_move="name a readable SQL file")
    if source.text.startswith(PLANNED):
        raise UsageError(
            f'"{path}" is the SQL of a plan: it is in phases already, and planning it again changes nothing',
            next_move="apply the plan's own file",
        )
    script = parse_script(source)
    _must_be_read(script)
    refuse_misspoken(script)
    return script


def write_plan(made: Plan, path: Path) -> None:
    """Write the plan's file, over an earlier plan too; raises UsageError rather than overwrite anything else.

    A plan in a plan's place is what planning again is for. A migration or a note there is a slip of the hand.
    """
    text = to_yaml(made)
    if is_file(path) and not _is_replaceable(path):
        raise UsageError(f'"{path}" exists and is no plan', next_move="name another file, or remove it first")
    write_text(path, text)


def _is_replaceable(path: Path) -> bool:
    found = read_source(path)
    return isinstance(found, Source) and (not found.text.strip() or "format: migrate-safe/plan/" in found.text)


def _must_be_read(script: Script) -> None:
    for statement in script.statements:
        if isinstance(statement.action, Unparsed):
            reason = f"it cannot be read: {statement.action.reason}"
            raise UsageError(reason, place=str(statement.span), next_move="correct it, then plan again")


def _known(request: PlanRequest) -> Known:
    if request.schema:
        return named_schema(request.schema, version=request.version)
    return schema_before(request.path, version=request.version)
