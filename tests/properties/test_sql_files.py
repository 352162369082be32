"""Whatever a file holds: nothing lost, nothing invented, every place exact, and no error but UsageError."""

import contextlib

import postgast
from hypothesis import example, given
from hypothesis import strategies as st
from postgast import PgQueryError

from migrate_safe.model.errors import UsageError
from migrate_safe.model.names import Name, quote_ident, quote_literal, shorten
from migrate_safe.model.source import Source
from migrate_safe.model.statement import AddColumn, AlterTable, Statement, Unparsed
from migrate_safe.sql.lexer import BLANK, COMMENTS, Kind, tokens
from migrate_safe.sql.parse import parse_expression, parse_script, parse_statements
from migrate_safe.sql.placeholders import bind
from migrate_safe.sql.queries import prepare_form
from tests.sql.reading import hold_spans

STATEMENTS = (
    "CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL DEFAULT 'a;b')",
    'ALTER TABLE größe ADD COLUMN "x;y" int, DROP COLUMN z',
    "create index concurrently on t (lower(a)) where b > 0",
    "INSERT INTO t VALUES ('it''s; -- no comment', E'\\';', $$ ; ' $$, $q$ $$ ; $q$)",
    "UPDATE t SET a = 1 /* within; */ WHERE b = 2 -- ends;\n  AND c = 3",
    "SELECT 'a'\n'b', U&'\\0061', a->>'b', x::text, 1.5e3, arr[1:2]",
    "DO $$ BEGIN IF true THEN DROP TABLE a; END IF; END $$",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
    "CREATE FUNCTION g() RETURNS trigger AS $f$ BEGIN x := 'y;'; RETURN NEW; END $f$ LANGUAGE plpgsql",
    "BEGIN",
    "SET lock_timeout = '1s'",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
    "SELECT 🐘 FROM t",
    "ALTER TABEL misspelt ADD c int",
    "DROP {{ template }}",
    "VACUUM (FULL) t",
)
SEPARATORS = (
    ";",
    ";\n",
    " ;\r\n",
    "\n;\n\n",
    "; -- a; 'comment\n",
    ";\n/* b; /* nested ' */ */\n",
    ";;\n",
    ";\t-- migrate-safe: ignore x\n",
)
HEADS = ("", "\ufeff", "\n\n", "-- first; line\n", "/* block */ ", "\ufeff-- migrate-safe: ignore-file x: y\r\n")

files = st.tuples(
    st.sampled_from(HEADS),
    st.lists(st.tuples(st.sampled_from(STATEMENTS), st.sampled_from(SEPARATORS)), max_size=8),
    st.sampled_from(("", *STATEMENTS)),
)


def joined(file: tuple[str, list[tuple[str, str]], str]) -> str:
    head, parts, last = file
    return head + "".join(statement + separator for statement, separator in parts) + last


def read(text: str) -> tuple[Statement, ...]:
    statements = parse_script(Source("x.sql", text)).statements
    hold_spans(text, statements)
    return statements


def outside(text: str, statements: tuple[Statement, ...]) -> list[str]:
    """Give the text between statements that is neither blank nor comment nor semicolon."""
    position, left = len(text) - len(text.removeprefix("\ufeff")), []
    for start, end in [*((s.span.start, s.span.end) for s in statements), (len(text), len(text))]:
        gap = text[position:start]
        left += [gap[t.start : t.end] for t in tokens(gap) if t.kind not in BLANK | {Kind.SEMICOLON}]
        position = end
    return left


@given(files)
def test_statements_out_are_the_statements_in(file: tuple[str, list[tuple[str, str]], str]) -> None:
    _, parts, last = file
    expected = [statement for statement, _ in parts] + ([last] if last else [])
    assert [s.text for s in read(joined(file))] == expected


@given(files, st.data())
def test_damage_loses_nothing(file: tuple[str, list[tuple[str, str]], str], data: st.DataObject) -> None:
    text = joined(file)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + data.draw(st.text("'\"$;()-/*\\ \n\rxEe0:é\t", max_size=4)) + text[end:]
    with contextlib.suppress(UsageError):
        assert outside(text, read(text)) == []


@given(st.text())
@example("\\")
@example("\\\\")
@example("a\\g")
@example("\ufeff\ufeff")
@example("/*" * 50)
@example("DO ''")
@example("DO $$$$")
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert outside(text, read(text)) == []


PIECES = (
    *"select from a b1 _x $1 $$ $t$ 'q' 'it''s' E'\\'' e'a\\\\' U&'x' \"id\" \"a\"\"b\" -- /* */".split(),
    *"; ( ) [ ] , . :: := + - * / < > = 1 1.5 é 🐘 ' \" \\ E b1'0' $tag $é$ - -".split(),
    *("\n", "\r\n", "\t", "", "--\n"),
)
soup = st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)
soup |= st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
soup |= st.text("'\"$;()-/*\\ \n\rxEeUu&0:é", max_size=30)


@given(soup)
def test_tokens_are_those_of_the_server(text: str) -> None:
    mine = list(tokens(text))
    assert "".join(text[t.start : t.end] for t in mine) == text
    try:
        found = postgast.scan(text).tokens
    except PgQueryError:
        return
    raw = text.encode()
    theirs = [(len(raw[: t.start].decode()), len(raw[: t.end].decode()), t.token) for t in found]
    names = postgast.pg_query_pb2.Token
    comments = {(s, e) for s, e, kind in theirs if kind in {names.Value("SQL_COMMENT"), names.Value("C_COMMENT")}}
    semicolons = {(s, e) for s, e, kind in theirs if kind == names.Value("ASCII_59")}
    assert {(t.start, t.end) for t in mine if t.kind in COMMENTS} == comments
    assert {(t.start, t.end) for t in mine if t.kind is Kind.SEMICOLON} == semicolons


identifiers = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=20)


@given(
    identifiers, identifiers, identifiers, st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
)
def test_what_is_quoted_comes_back(schema: str, table: str, column: str, value: str) -> None:
    name = Name(schema, table)
    text = f"ALTER TABLE {name} ADD COLUMN {quote_ident(column)} text DEFAULT {quote_literal(value)}"
    (found,) = read(text)
    assert isinstance(found.action, AlterTable)
    assert found.action.table == Name(shorten(schema), shorten(table))
    (added,) = found.action.actions
    assert isinstance(added, AddColumn)
    assert added.definition.column.name == shorten(column)
    default = added.definition.column.default
    assert default is not None
    assert default.constant
    assert parse_expression(default.sql) == default


@given(files)
def test_a_statement_alone_says_the_same(file: tuple[str, list[tuple[str, str]], str]) -> None:
    for statement in read(joined(file)):
        if isinstance(statement.action, Unparsed):
            continue
        (alone,) = parse_statements(statement.text)
        assert type(alone.action) is type(statement.action)
        assert alone.text == statement.text


@given(soup | st.text())
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        found = parse_expression(text)
    except UsageError:
        return
    assert parse_expression(found.sql).sql == found.sql


@given(soup | st.text())
def test_any_query_is_prepared_or_has_a_problem(text: str) -> None:
    form = prepare_form(text)
    assert form.problem is None or form.problem
    if form.problem is None:
        (statement,) = parse_statements(form.sql)
        assert not isinstance(statement.action, Unparsed)


@given(
    st.lists(st.sampled_from(("%s", "%(a)s", "%(b)s", "'%s'", "a", ",", "+", "1", "--x\n")), max_size=12).map(" ".join)
)
def test_every_placeholder_gets_its_number(text: str) -> None:
    bound = bind(text)
    numbers = [int(bound.sql[t.start + 1 : t.end]) for t in tokens(bound.sql) if t.kind is Kind.PARAMETER]
    assert set(numbers) == set(range(1, len(bound.parameters) + 1))
