r"""What runners put in the place of names in a migration, and delimiters of their own, before the server sees it.

| written | by |
|---|---|
| `${name}` | Flyway, Liquibase; goose behind `-- +goose ENVSUB ON`, there also with a default: `${name:-value}` |
| `:name`, `:'name'`, `:"name"` | psql, also with its `\set name value` |
| `endDelimiter:/` | a changeset of Liquibase |
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.names import quote_ident, quote_literal
from migrate_safe.model.source import Source, Span
from migrate_safe.model.statement import Dml, Script, Statement, Unparsed, Unread
from migrate_safe.model.values import replace
from migrate_safe.model.wrapping import Wrapping
from migrate_safe.sql.lexer import COMMENTS, Kind, tokens
from migrate_safe.sql.parse import parse_script
from migrate_safe.sql.places import Places, places_of

_DOLLAR = re.compile(r"\$\{(?P<name>[A-Za-z_][\w.:-]*?)(?::-(?P<default>[^}]*))?\}")
_VARIABLE = re.compile(r"(?<![:\w\]]):(?:[A-Za-z_]\w*|'[A-Za-z_]\w*'|\"[A-Za-z_]\w*\")")
_SET = re.compile(
    r"^\\set[ \t]+(?P<name>\w+)[ \t]+(?:'(?P<quoted>[^'\n]*)'|(?P<plain>[^\s'\"`:;]+))[ \t]*\r?$", re.MULTILINE
)
_CHANGESET = re.compile(r"^--[ \t]*changeset[ \t][^\r\n]*", re.MULTILINE | re.IGNORECASE)
_DELIMITER = re.compile(r"\bendDelimiter:(?:\\n)?(?P<text>[^\s\\\"]+)", re.IGNORECASE)
_ENVSUB = re.compile(r"^--[ \t]*\+goose[ \t]+ENVSUB[ \t]+ON\b", re.MULTILINE | re.IGNORECASE)
_WORDY = frozenset({Kind.WORD, Kind.STRING, Kind.QUOTED})
_OF_PSQL = (None, Framework.PSQL, Framework.SQITCH)
_WITH_DOLLARS = (Framework.FLYWAY, Framework.LIQUIBASE)


class Edit(Struct, frozen=True):
    """A piece of the file, `start` to `end`, and what the server sees in its place."""

    start: int
    end: int
    text: str


class Rendered(Struct, frozen=True):
    """A file as the server sees it; `edits` are those that led there, in order, `places` those of the file."""

    source: Source
    places: Places
    edits: tuple[Edit, ...]

    def place(self, span: Span) -> Span:
        """Give the place in the file itself."""
        return self.places.span(self._back(span.start), self._back(span.end, behind=True))

    def _back(self, offset: int, *, behind: bool = False) -> int:
        moved = 0
        for edit in self.edits:
            start = edit.start + moved
            if offset <= start:
                break
            if offset < start + len(edit.text):
                return edit.end if behind else edit.start
            moved += len(edit.text) - (edit.end - edit.start)
        return offset - moved


def render(source: Source, values: Mapping[str, str], framework: Framework | None) -> Rendered | None:
    """Put values in the place of names; None where nothing changes. Lines stay as they are: no value has a line end."""
    edits = sorted(_edits(source.text, values, framework), key=lambda edit: edit.start)
    if not edits:
        return None
    parts, position = list[str](), 0
    for edit in edits:
        parts += [source.text[position : edit.start], edit.text]
        position = edit.end
    text = "".join([*parts, source.text[position:]])
    return Rendered(Source(source.path, text), places_of(source.text, source.path), tuple(edits))


def without_values(script: Script) -> Script:
    """Mark the statements that hold a name without a value as not read: what they do is not known."""
    text = script.source.text
    if "${" not in text and ":" not in text:
        return script
    framework = script.framework
    dollars = framework in _WITH_DOLLARS or (framework is Framework.GOOSE and _ENVSUB.search(text) is not None)
    changed = tuple(_marked(s, framework, dollars=dollars) for s in script.statements)
    return script if changed == script.statements else replace(script, statements=changed)


def read_script(
    source: Source,
    values: Mapping[str, str],
    *,
    wrapping: Wrapping | None = None,
    runner: Runner | None = None,
    most: int | None = None,
) -> tuple[Script, Rendered | None]:
    """Parse a file as its runner renders it, with these values; what holds a name without one is Unread."""
    script = parse_script(source, wrapping=wrapping, runner=runner, most=most)
    rendered = render(source, values, script.framework)
    if rendered is not None:
        script = parse_script(rendered.source, wrapping=wrapping, runner=runner, most=most)
    return without_values(script), rendered


# ---- below -----------------------------------------------------------------------------------


def _edits(text: str, values: Mapping[str, str], framework: Framework | None) -> Iterator[Edit]:
    if "${" in text:
        started = _ENVSUB.search(text) if framework is Framework.GOOSE else None
        for found in _DOLLAR.finditer(text):
            default = found["default"] if started is not None and started.end() <= found.start() else None
            value = values.get(found["name"], default)
            if value is not None:
                yield Edit(found.start(), found.end(), value)
    if framework is Framework.LIQUIBASE and "delimiter" in text.lower():
        yield from _delimiters(text)
    if framework in _OF_PSQL:
        given = {**{f["name"]: f["quoted"] or f["plain"] or "" for f in _SET.finditer(text)}, **values}
        if given and ":" in text:
            yield from _variables(text, given)


def _variables(text: str, values: Mapping[str, str]) -> Iterator[Edit]:
    """Find psql's variables outside of quotes and comments."""
    colon = -1
    for kind, start, end in tokens(text):
        if colon >= 0 and start == colon + 1 and kind in _WORDY:
            name = text[start:end]
            bare = name.strip("'\"") if kind is not Kind.WORD else name
            if bare in values:
                value = values[bare]
                written = {"'": quote_literal(value), '"': quote_ident(value)}.get(name[0], value)
                yield Edit(colon, end, written)
        is_one = text[start:end] == ":" and text[start - 1 : start] != ":"
        colon = start if is_one else -1


def _delimiters(text: str) -> Iterator[Edit]:
    """Find the ends of statements in changesets that name a delimiter of their own."""
    marks = list(_CHANGESET.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        said = _DELIMITER.search(mark[0])
        if said is None or said["text"] == ";":
            continue
        end = following.start() if following is not None else len(text)
        for found in re.finditer(rf"{re.escape(said['text'])}(?=[ \t]*(?:\r?\n|\Z))", text[mark.end() : end]):
            start = mark.end() + found.start()
            yield Edit(start, start + len(found[0]), ";".ljust(len(found[0])))


def _marked(statement: Statement, framework: Framework | None, *, dollars: bool) -> Statement:
    parsed = not isinstance(statement.action, Unparsed)
    if parsed and (not dollars or isinstance(statement.action, Dml)):
        return statement
    name = _name_without_value(statement.text, framework, dollars=dollars)
    if name is None:
        return statement
    bare = name.strip("${}:'\"")
    return replace(
        statement,
        action=Unread(f"{name} has no value; give one: --placeholder {bare}=VALUE, or [placeholders] in the settings"),
    )


def _name_without_value(text: str, framework: Framework | None, *, dollars: bool) -> str | None:
    """Give the first placeholder of a statement, None where there is none; what a body in dollars holds is its own."""
    if dollars and (found := _shown(_DOLLAR, text, (*COMMENTS, Kind.DOLLAR))):
        return found
    return (
        _shown(_VARIABLE, text, (*COMMENTS, Kind.DOLLAR, Kind.STRING, Kind.QUOTED)) if framework in _OF_PSQL else None
    )


def _shown(pattern: re.Pattern[str], text: str, kinds: Sequence[Kind]) -> str | None:
    """Give the first match that does not begin in a token of one of these kinds."""
    hidden = [(t.start, t.end) for t in tokens(text, spaces=False) if t.kind in kinds]
    starts = [start for start, _ in hidden]
    for found in pattern.finditer(text):
        index = bisect_right(starts, found.start()) - 1
        if index < 0 or hidden[index][1] <= found.start():
            return found[0]
    return None
