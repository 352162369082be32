"""Lint migrations: read them, run them in mind one after the other, and let the rules speak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from msgspec import Struct, field

from migrate_safe.adapters.store import Store
from migrate_safe.app.choices import Choices
from migrate_safe.app.lint_request import Judged, Step
from migrate_safe.app.lint_request import LintOutcome as LintOutcome
from migrate_safe.app.lint_request import LintRequest as LintRequest
from migrate_safe.app.lint_rules import quick_rules
from migrate_safe.app.lint_run import run_lint, summed
from migrate_safe.app.schema_source import empty_schema, named_schema
from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import each_analysed, schema_after
from migrate_safe.effects.births import born_after
from migrate_safe.model.effect import Analysed, Session
from migrate_safe.model.finding import Finding, LintReport, Unanalysed
from migrate_safe.model.framework import Framework
from migrate_safe.model.names import Name
from migrate_safe.model.preferences import preferred
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import CreateTable, Direction, Script, Unparsed
from migrate_safe.model.values import replace
from migrate_safe.rulebook.load import check_together, load_rules
from migrate_safe.rulebook.match import judgement
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import bundled_rules
from migrate_safe.sql.parse import MOST, parse_script
from migrate_safe.sql.rendering import read_script


def lint(request: LintRequest, store: Store | None = None) -> LintOutcome:
    """Lint every file that the request names, each on the schema that the files before it leave."""
    return run_lint(request, lambda: SqlLinter.of(request, store), store)


class Known(Struct, frozen=True):
    """What is known before a file: the schema, and the relations in it that only files of the branch made."""

    schema: Schema = field(default_factory=Schema)
    unreleased: frozenset[Name] = frozenset()


class SqlLinter(Struct, frozen=True):
    """The linter of SQL files: rules, and the schema that the user names. Made for one request by `of`."""

    choices: Choices
    version: int | None
    today: date | None = None
    base: Known = field(default_factory=Known)
    unread: tuple[Unanalysed, ...] = ()
    kind: type[Known] = Known
    placeholders: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, request: LintRequest, store: Store | None = None) -> SqlLinter:
        """Read the rules, and the schema that the user names."""
        choices = chosen_rules(request, store)
        wrapping = request.wrapping or preferred(Path(), request.preferences, lambda table: table.wrapping)
        known = named_schema(request.schema, wrapping=wrapping, version=request.version)
        base = Known(known.schema)
        return cls(choices, known.version, request.today, base, known.unread, placeholders=request.placeholders)

    def take(self, step: Step, source: Source, before: Known) -> tuple[Judged | None, Known]:
        """Judge a file that is wanted, on what is known before it, and give what is known after it."""
        values = {**dict(step.runner.values), **dict(self.placeholders)}
        script, rendered = read_script(source, values, wrapping=step.wrapping, runner=step.runner, most=MOST)
        unreleased, seen = before.unreleased, _Seen()
        if not (step.wanted or step.new or unreleased):
            return None, Known(fold(before.schema, script))
        analysed = seen.through(analyse_in_turn(script, before.schema, among=step.among, unreleased=unreleased))
        judged = self._judged(script, analysed, seen) if step.wanted else None
        for _ in analysed:  # what nobody asked for goes by
            pass
        if judged is not None and rendered is not None:
            placed = tuple(replace(f, span=rendered.place(f.span)) for f in judged.findings)
            judged = replace(judged, findings=placed)
        schema = schema_after(seen.last, before.schema) if seen.any else fold(before.schema, script)
        return judged, Known(schema, seen.born(unreleased, added=step.new))

    def judge(self, script: Script, analysed: Iterable[Analysed]) -> Judged:
        """Let the rules speak of a script that was analysed."""
        seen = _Seen()
        return self._judged(script, seen.through(analysed), seen)

    def _judged(self, script: Script, analysed: Iterable[Analysed], seen: _Seen) -> Judged:
        chosen = self.choices.for_file(Path(script.source.path))
        bench = chosen.bench(self.version)
        judged = bench.judgement(analysed, script, today=self.today, small=chosen.small)
        return Judged(
            findings=judged.findings,
            statements=len(script.statements),
            unanalysed=tuple(seen.unanalysed),
            suppressed=judged.suppressed,
            framework=script.framework or Framework.PSQL,
        )


def lint_analysed(request: LintRequest, found: Sequence[tuple[Script, Sequence[Analysed]]], version: int) -> LintReport:
    """Lint scripts that were analysed already, on a server of that major, by the rules that a request chooses."""
    linter = SqlLinter(chosen_rules(request), version, request.today)
    return summed([linter.judge(script, analysed) for script, analysed in found])


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


def analyse_in_turn(
    script: Script, before: Schema, *, among: bool = False, unreleased: frozenset[Name] = frozenset()
) -> Iterator[Analysed]:
    """Analyse a file on what the files before it leave, both ways; `among` says that it is one of several in a history.

    `unreleased` are relations of files before it that no database in use has. A table that is made IF NOT EXISTS, and
    that no file before makes, is new where it is one of several, or where the schema tells of others.
    """
    new = _unknown_but_made(script, before) if before.tables or among else frozenset()
    return each_both_ways(script, before, new=new | unreleased)


def analyse_both_ways(
    script: Script, schema: Schema, *, session: Session | None = None, new: frozenset[Name] = frozenset()
) -> tuple[Analysed, ...]:
    """Analyse the way forward on the schema, and the way back, a run of its own, on what the way forward leaves.

    `new` are tables that count as made by the way forward, whatever IF NOT EXISTS leaves open. The way back makes anew
    what the way forward took away, so that there each table that nothing is known of counts as made.
    """
    return tuple(each_both_ways(script, schema, session=session, new=new))


def each_both_ways(
    script: Script, schema: Schema, *, session: Session | None = None, new: frozenset[Name] = frozenset()
) -> Iterator[Analysed]:
    """Analyse as `analyse_both_ways` does, statement by statement: files may have a great many."""
    seen = _Seen()
    yield from seen.through(each_analysed(script, schema, session=session, unreleased=new))
    down = [s for s in script.statements if s.direction is Direction.DOWN]
    if not down:
        return
    back = replace(script, statements=tuple(replace(s, direction=Direction.UP) for s in down))
    left = schema_after(seen.last, schema)
    for one in each_analysed(back, left, session=session, unreleased=_unknown_but_made(back, left)):
        yield replace(one, statement=replace(one.statement, direction=Direction.DOWN))


def chosen_rules(request: LintRequest, store: Store | None = None) -> Choices:
    """Give all rules as the user sets them."""
    rules = quick_rules(bundled_rules(), store)
    if request.rules is not None:
        rules = check_together((*rules, *quick_rules(request.rules, store)))
    return Choices.of(rules, request.preferences)


# ---- below -----------------------------------------------------------------------------------


def _unknown_but_made(script: Script, schema: Schema) -> frozenset[Name]:
    """Give the tables that CREATE TABLE IF NOT EXISTS makes on the way forward, as far as the schema tells of none.

    That says something where it tells of others: with nothing known before, the table may as well have been there.
    """
    made = (s.action for s in script.statements if s.direction is Direction.UP)
    names = (schema.resolve(a.table) for a in made if isinstance(a, CreateTable) and a.if_not_exists)
    return frozenset(n for n in names if n not in schema.tables)


class _Seen(Struct):
    """What is kept of statements that went by: the last one forward, and what of them was not understood."""

    any: bool = False
    last: tuple[Analysed, ...] = ()
    unanalysed: list[Unanalysed] = field(default_factory=list)

    def through(self, analysed: Iterable[Analysed]) -> Iterator[Analysed]:
        """Give them on."""
        for one in analysed:
            self.any = True
            if one.statement.direction is Direction.UP:
                self.last = (one,)
            self.unanalysed += _unanalysed(one)
            yield one

    def born(self, before: frozenset[Name], *, added: bool) -> frozenset[Name]:
        """Give the relations that are unreleased behind a file: with what it makes where the branch `added` it."""
        if not self.last:
            return before
        [last] = self.last
        born = born_after(last.before, last.after, last.born, last.statement)
        return born if added else before & born


def _unanalysed(one: Analysed) -> Iterator[Unanalysed]:
    span, action = one.statement.span, one.statement.action
    if isinstance(action, Unparsed):
        yield Unanalysed(span.file, span.line, action.reason)
    elif one.effect.unknown is not None:
        yield Unanalysed(span.file, span.line, one.effect.unknown)
