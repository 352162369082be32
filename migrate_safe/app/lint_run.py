"""The run of lint: files in their order, what is known of them from the cache, the rest by a linter.

Files go in segments. The cache holds what was said of a segment, and here and there the schema after one: a file that
changed is judged on the nearest of these, and what lies between is run through again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct, field

from migrate_safe.adapters.changes import Changed, changed_since
from migrate_safe.adapters.files import History, find_histories, is_file, read_source
from migrate_safe.adapters.frameworks import forced_runner
from migrate_safe.adapters.store import Store
from migrate_safe.app.lint_key import key_after, key_of_run, key_of_schema
from migrate_safe.app.lint_request import Judged, Linter, LintOutcome, LintRequest, Step
from migrate_safe.model.finding import LintReport, Unanalysed
from migrate_safe.model.framework import Runner
from migrate_safe.model.preferences import preferred
from migrate_safe.model.values import replace

S = TypeVar("S")

SEGMENT = 32
"""Files that are kept, and found again, together."""


def run_lint(request: LintRequest, make: Callable[[], Linter[S]], store: Store | None = None) -> LintOutcome:
    """Lint every file that a request names; the linter is made when the cache does not know a file."""
    key = key_of_run(request) if store is not None else None
    bench = _Bench(request, make, store if key is not None else None, key or b"")
    if key is None:
        bench.linter()
    changed = changed_since(request.since, request.paths) if request.since is not None else None
    news = frozenset(path for path, one in (changed or {}).items() if one.new)
    judged = [
        _changed_part(one, changed[step.path.resolve()]) if changed is not None and one.counts else one
        for history, meant in _histories(request.paths, changed)
        for step, one in _Walk(bench, _steps(request, history, frozenset(meant), news)).judged()
    ]
    unread = (*bench.base_unread(nothing=not judged), *(j.unread for j in judged if j.unread is not None))
    if bench.store is not None and bench.stored:
        bench.store.tidy()
    report = summed(judged, unread)
    return LintOutcome(report if request.baseline is None else _new_in(report, request.baseline), unread)


def summed(judged: Sequence[Judged], unread: Sequence[Unanalysed] = ()) -> LintReport:
    """Put together what single files gave."""
    return LintReport(
        findings=tuple(f for j in judged for f in j.findings),
        files=sum(j.counts for j in judged),
        statements=sum(j.statements for j in judged),
        unanalysed=(*unread, *(u for j in judged for u in j.unanalysed)),
        suppressed=sum(j.suppressed for j in judged),
        frameworks=Counter(str(j.framework) for j in judged if j.framework is not None),
    )


# ---- below -----------------------------------------------------------------------------------


def _new_in(report: LintReport, baseline: Path) -> LintReport:
    from migrate_safe.adapters.baseline import not_in_baseline  # not needed in most runs

    new = not_in_baseline(baseline, report.findings)
    return replace(report, findings=new, baselined=len(report.findings) - len(new))


class _Bench(Struct, Generic[S]):
    """What is the same for every file of a run; `stored` says whether the cache got anything new."""

    request: LintRequest
    make: Callable[[], Linter[S]]
    store: Store | None
    key: bytes
    stored: bool = False
    made: list[Linter[S]] = field(default_factory=list)

    def linter(self) -> Linter[S]:
        """Give the linter, which is slow to make."""
        if not self.made:
            self.made.append(self.make())
        return self.made[0]

    def base_unread(self, *, nothing: bool) -> tuple[Unanalysed, ...]:
        """Give what of the named schema was not read; where no file was looked at, what was asked is checked at least.

        Nothing is kept of a schema that was not read whole.
        """
        return self.linter().unread if self.made or nothing else ()


class _Place(Struct, frozen=True):
    """A file in its history, and whether it is wanted, ordered, one of several and on no other branch."""

    path: Path
    wanted: bool
    ordered: bool
    among: bool
    history: History
    new: bool


class _Walk(Struct, Generic[S]):
    """The way through one history. `keys` are those before each segment, as far as the walk has come."""

    bench: _Bench[S]
    places: Sequence[_Place]
    keys: list[bytes] = field(default_factory=list)
    state: S | None = None
    """The schema after the segments so far; None where only the cache knows it."""

    def judged(self) -> Iterator[tuple[Step, Judged]]:
        """Give what is said of each file that is wanted, or cannot be read."""
        self.keys.append(self.bench.key)
        for number in range(self._count()):
            steps = self._read(number)
            found = self._known(number, steps)
            if found is None:
                before = self._state_before(number)
                found, self.state = self._taken(number, steps, before)
                self._keep(number, found)
            else:
                self.state = None
            yield from ((step, one) for step, one in zip(steps, found, strict=True) if one is not None)

    def _count(self) -> int:
        return -(-len(self.places) // SEGMENT)

    def _read(self, number: int) -> tuple[Step, ...]:
        places = self.places[number * SEGMENT : (number + 1) * SEGMENT]
        steps = tuple(_step(place, self.bench.request) for place in places)
        if self.bench.store is not None and number + 1 == len(self.keys):
            self.keys.append(key_after(self.keys[number], steps, self.bench.request.today))
        return steps

    def _known(self, number: int, steps: Sequence[Step]) -> Sequence[Judged | None] | None:
        """Give what is known of a segment without a linter."""
        if self.bench.store is None:
            return None
        if not any(step.wanted for step in steps):
            return [_unread(step) for step in steps]
        found = self.bench.store.get(self.keys[number + 1], tuple[Judged | None, ...])
        return found if found is not None and len(found) == len(steps) else None

    def _state_before(self, number: int) -> S:
        """Give the schema before a segment: the nearest in the cache, and what comes after it run through."""
        linter, store, start = self.bench.linter(), self.bench.store, number
        while self.state is None and start > 0 and store is not None:
            self.state = store.get(key_of_schema(self.keys[start]), linter.kind)
            start -= self.state is None
        state = self.state if self.state is not None else linter.base
        for each in range(start, number):
            steps = self._read(each)
            if store is not None and key_after(self.keys[each], steps, self.bench.request.today) != self.keys[each + 1]:
                store = self.bench.store = None  # somebody writes to these files: nothing is kept of this run
            _, state = self._taken(each, steps, state)
        return state

    def _taken(self, number: int, steps: Sequence[Step], before: S) -> tuple[Sequence[Judged | None], S]:
        """Run through a segment."""
        linter, found, state = self.bench.linter(), [], before
        for step in steps:
            if isinstance(step.source, Unanalysed):
                found.append(_unread(step))
                continue
            one, after = linter.take(step, step.source, state if step.ordered else linter.base)
            state = after if step.ordered else state
            found.append(one)
        behind = self._count() - number - 1
        if len(steps) == SEGMENT and not behind & (behind - 1):  # 0, 1, 2, 4, 8 ...: changes are mostly near the end
            self._keep(number, state, schema=True)
        return found, state

    def _keep(self, number: int, value: object, *, schema: bool = False) -> None:
        if self.bench.store is not None and not self.bench.linter().unread:
            key = self.keys[number + 1]
            self.bench.store.put(key_of_schema(key) if schema else key, value)
            self.bench.stored = True


def _steps(request: LintRequest, history: History, meant: Collection[Path], news: Collection[Path]) -> Sequence[_Place]:
    """Give the files of a folder in order, up to the last one that is meant; `news` are resolved paths.

    Where the user named the schema, files that are not meant are taken to be in it.
    """
    names = {path.name for path in news}
    needed = history.before_any(meant) if not request.schema and len(meant) < len(history.files) else frozenset()
    several = history.has_several()
    return [
        _Place(path, path in meant, ordered, ordered and several, history, _is_new(path, names, news))
        for path in history.files
        if path in meant or path in needed
        for ordered in (history.is_ordered(path),)
    ]


def _is_new(path: Path, names: Collection[str], news: Collection[Path]) -> bool:
    return bool(names) and path.name in names and path.resolve() in news


def _step(place: _Place, asked: LintRequest) -> Step:
    path = place.path
    wrapping = asked.wrapping or preferred(path, asked.preferences, lambda table: table.wrapping)
    runner = _runner(place, asked)
    return Step(path, place.wanted, place.ordered, read_source(path), wrapping, runner, place.among, place.new)


def _runner(place: _Place, asked: LintRequest) -> Runner:
    """Give what runs a file: what the user says, else what the files around it say."""
    named = asked.framework or preferred(place.path, asked.preferences, lambda table: table.framework)
    if named is None:
        return place.history.runner(place.path)
    return forced_runner(place.path, place.history.root, named)


def _unread(step: Step) -> Judged | None:
    read = step.source
    return Judged(counts=step.wanted, unread=read) if isinstance(read, Unanalysed) else None


def _changed_part(whole: Judged, changed: Changed) -> Judged:
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
