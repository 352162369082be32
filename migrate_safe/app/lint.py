"""Lint migrations: read them, run them in mind one after the other, and let the rules speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from migrate_safe.adapters.baseline import not_in_baseline
from migrate_safe.adapters.changes import Changed, changed_since
from migrate_safe.adapters.files import History, find_histories, is_file, read_source
from migrate_safe.app.choices import Choices
from migrate_safe.app.schema_source import empty_schema, named_schema
from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse, schema_after
from migrate_safe.model.effect import Analysed, Session
from migrate_safe.model.errors import Exit
from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.names import Name
from migrate_safe.model.preferences import Preferences, preferred_framework, preferred_wrapping
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import CreateTable, Direction, Script, Unparsed, Wrapping
from migrate_safe.rulebook.load import check_together, load_rules
from migrate_safe.rulebook.match import judgement
from migrate_safe.rulebook.rule import Rule
from migrate_safe.sql.parse import parse_script


@dataclass(frozen=True, slots=True)
class LintRequest:
    """What to lint and how; `version` and `wrapping` are None where the user did not say.

    `schema` names files, folders or servers; `rules` is a folder of rules beside those of the tool. What
    `wrapping` says wins over `preferences`, of which later ones win.
    """

    paths: tuple[Path, ...]
    schema: tuple[str, ...] = ()
    rules: Path | None = None
    version: int | None = None
    wrapping: Wrapping | None = None
    framework: Framework | None = None
    """What runs the migrations, where the user says so."""
    preferences: tuple[Preferences, ...] = ()
    since: str | None = None
    """A git revision: only what changed since the branch left it is reported. Without paths: in every SQL file."""
    today: date | None = None
    """The day on which suppressions that name their last day are heeded; None: none is over."""
    baseline: Path | None = None
    """A file of findings that are known and left out."""


@dataclass(frozen=True, slots=True)
class LintOutcome:
    """The report, and the files that could not be read at all."""

    report: LintReport
    unread: tuple[Unanalysed, ...] = ()

    def exit_code(self, fail_on: Severity = Severity.WARNING) -> Exit:
        """Give the exit code: unreadable input first, for the report is not whole then."""
        if self.unread:
            return Exit.USAGE
        bad = any(finding.severity.rank <= fail_on.rank for finding in self.report.findings)
        return Exit.FAILED if bad else Exit.OK


def lint(request: LintRequest) -> LintOutcome:
    """Lint every file that the request names, each on the schema that the files before it leave."""
    choices = _choices(request)
    wrapping = request.wrapping or preferred_wrapping(Path(), request.preferences)
    base = named_schema(request.schema, wrapping=wrapping, version=request.version)
    changed = changed_since(request.since) if request.since is not None else None
    bench = _Bench(request, choices, base.version, changed)
    judged = [
        one
        for history, meant in _histories(request.paths, changed)
        for one in _lint_history(bench, base.schema, history, frozenset(meant))
    ]
    unread = (*base.unread, *(j.unread for j in judged if j.unread is not None))
    report = _summed(judged, unread)
    if request.baseline is not None:
        new = not_in_baseline(request.baseline, report.findings)
        report = replace(report, findings=new, baselined=len(report.findings) - len(new))
    return LintOutcome(report, unread)


def lint_analysed(request: LintRequest, found: Sequence[tuple[Script, Sequence[Analysed]]], version: int) -> LintReport:
    """Lint scripts that were analysed already, on a server of that major, by the rules that a request chooses."""
    bench = _Bench(request, _choices(request), version)
    return _summed([_judge(bench, script, analysed) for script, analysed in found])


def lint_source(
    source: Source,
    schema: Schema | None = None,
    rules: Sequence[Rule] | None = None,
    *,
    today: date | None = None,
) -> tuple[Finding, ...]:
    """Lint one text on a schema (default: nothing known) by the rules of the tool."""
    script = parse_script(source)
    chosen = load_rules() if rules is None else rules
    return judgement(analyse_both_ways(script, schema or empty_schema()), script, chosen, today=today).findings


def analyse_both_ways(
    script: Script, schema: Schema, *, session: Session | None = None, new: frozenset[Name] = frozenset()
) -> tuple[Analysed, ...]:
    """Analyse the way forward on the schema, and the way back, a run of its own, on what the way forward leaves.

    `new` are tables that count as made by the way forward, whatever IF NOT EXISTS leaves open. The way back makes anew
    what the way forward took away, so that there each table that nothing is known of counts as made.
    """
    forward = analyse(script, schema, session=session, unreleased=new)
    down = [s for s in script.statements if s.direction is Direction.DOWN]
    if not down:
        return forward
    back = replace(script, statements=tuple(replace(s, direction=Direction.UP) for s in down))
    left = schema_after(forward, schema)
    backward = analyse(back, left, session=session, unreleased=_unknown_but_made(back, left))
    return forward + tuple(replace(a, statement=replace(a.statement, direction=Direction.DOWN)) for a in backward)


# ---- below -----------------------------------------------------------------------------------


def _choices(request: LintRequest) -> Choices:
    """Give all rules as the user sets them."""
    rules = load_rules()
    if request.rules is not None:
        rules = check_together((*rules, *load_rules(request.rules)))
    return Choices.of(rules, request.preferences)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What is the same for every file of a run."""

    request: LintRequest
    choices: Choices
    version: int | None
    changed: Mapping[Path, Changed] | None = None
    """What is reported alone; None: all."""

    def wrapping(self, path: Path) -> Wrapping | None:
        """Give how the runner sends a file, where the user says that."""
        return self.request.wrapping or preferred_wrapping(path, self.request.preferences)

    def runner(self, history: History, path: Path) -> Runner:
        """Give what runs a file: what the user says, else what the files around it say."""
        named = self.request.framework or preferred_framework(path, self.request.preferences)
        if named is None:
            return history.runner(path)
        return replace(replace(history, framework=named).runner(path), framework=named, forced=True)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one file gives; `counts` is false for a file that was only read for its effect on the schema."""

    counts: bool = True
    findings: tuple[Finding, ...] = ()
    statements: int = 0
    unanalysed: tuple[Unanalysed, ...] = ()
    suppressed: int = 0
    framework: Framework | None = None
    unread: Unanalysed | None = None


def _summed(judged: Sequence[_Judged], unread: Sequence[Unanalysed] = ()) -> LintReport:
    return LintReport(
        findings=tuple(f for j in judged for f in j.findings),
        files=sum(j.counts for j in judged),
        statements=sum(j.statements for j in judged),
        unanalysed=(*unread, *(u for j in judged for u in j.unanalysed)),
        suppressed=sum(j.suppressed for j in judged),
        frameworks=Counter(str(j.framework) for j in judged if j.framework is not None),
    )


def _lint_history(bench: _Bench, schema: Schema, history: History, meant: Collection[Path]) -> Iterator[_Judged]:
    """Go through a folder in order up to the last file that is meant; each file sees what those before it did.

    Where the user named the schema, files that are not meant are taken to be in it.
    """
    base, needed = schema, {f for path in meant for f in history.before(path)}
    for path in history.files:
        wanted, ordered = path in meant, history.is_ordered(path)
        if not wanted and (bench.request.schema or path not in needed):
            continue
        source = read_source(path)
        if isinstance(source, Unanalysed):
            yield _Judged(counts=wanted, unread=source)
            continue
        script = parse_script(source, wrapping=bench.wrapping(path), runner=bench.runner(history, path))
        known = schema if ordered else base
        new = _unknown_but_made(script, known) if known.tables else frozenset()
        analysed = analyse_both_ways(script, known, new=new) if wanted else ()
        if wanted:
            yield _judge(bench, script, analysed)
        if ordered:
            schema = _left_behind(schema, script, analysed)


def _unknown_but_made(script: Script, schema: Schema) -> frozenset[Name]:
    """Give the tables that CREATE TABLE IF NOT EXISTS makes on the way forward, as far as the schema tells of none.

    That says something where it tells of others: with nothing known before, the table may as well have been there.
    """
    made = (s.action for s in script.statements if s.direction is Direction.UP)
    names = (schema.resolve(a.table) for a in made if isinstance(a, CreateTable) and a.if_not_exists)
    return frozenset(n for n in names if n not in schema.tables)


def _left_behind(schema: Schema, script: Script, analysed: Sequence[Analysed]) -> Schema:
    """Give the schema after a file, from its analysis where there is one: that has worked it out already."""
    if not analysed:
        return fold(schema, script)
    return schema_after((a for a in analysed if a.statement.direction is Direction.UP), schema)


def _judge(bench: _Bench, script: Script, analysed: Sequence[Analysed]) -> _Judged:
    choice = bench.choices.for_file(Path(script.source.path))
    judged = judgement(
        analysed, script, choice.rules, version=bench.version, silent=choice.silent, today=bench.request.today
    )
    whole = _Judged(
        findings=judged.findings,
        statements=len(script.statements),
        unanalysed=tuple(_unanalysed(analysed)),
        suppressed=judged.suppressed,
        framework=script.framework or Framework.PSQL,
    )
    return whole if bench.changed is None else _changed_part(whole, bench.changed[Path(script.source.path).resolve()])


def _changed_part(whole: _Judged, changed: Changed) -> _Judged:
    """Leave out what stands in lines that were not changed."""
    return replace(
        whole,
        findings=tuple(f for f in whole.findings if changed.touches(f.span.line, f.span.end_line)),
        unanalysed=tuple(u for u in whole.unanalysed if changed.touches(u.line, u.line)),
    )


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _histories(
    paths: tuple[Path, ...], changed: Mapping[Path, Changed] | None
) -> Iterator[tuple[History, tuple[Path, ...]]]:
    """Give each history and those of its files that are reported."""
    if changed is None:
        yield from find_histories(paths)
        return
    files = paths or tuple(_from_here(path) for path in changed if path.suffix.lower() == ".sql" and is_file(path))
    for history, meant in find_histories(files) if files else ():
        yield history, tuple(path for path in meant if path.resolve() in changed)


def _unanalysed(analysed: Sequence[Analysed]) -> Iterator[Unanalysed]:
    for one in analysed:
        span, action = one.statement.span, one.statement.action
        if isinstance(action, Unparsed):
            yield Unanalysed(span.file, span.line, action.reason)
        elif one.effect.unknown is not None:
            yield Unanalysed(span.file, span.line, one.effect.unknown)
