"""DO blocks: what is inside is seen, at its place; what is not seen is said."""

import pytest

from migrate_safe.model.statement import (
    AlterTable,
    Call,
    CreateIndex,
    Dml,
    DoBlock,
    DropTable,
    SetVariable,
    Statement,
    Transaction,
    TransactionVerb,
    Unparsed,
)
from tests.sql.reading import script


def block(text: str) -> DoBlock:
    """Read the one DO block of a file, and hold the places of what is inside."""
    read = script(text)
    (found,) = [s for s in read.statements if isinstance(s.action, DoBlock)]
    assert isinstance(found.action, DoBlock)
    for inner in found.action.inner:
        assert text[inner.span.start : inner.span.end] == inner.text
        assert found.span.start <= inner.span.start < inner.span.end <= found.span.end
    return found.action


def seen(inner: tuple[Statement, ...]) -> list[tuple[str, type]]:
    return [(s.text, type(s.action)) for s in inner]


BODY = """-- größer 🐘
DO $body$
DECLARE
  r record;
  n int := (SELECT max(id) FROM a);
  c CURSOR FOR SELECT * FROM b;
BEGIN
  -- DROP TABLE commented;
  IF NOT EXISTS (SELECT FROM d) THEN
    ALTER TABLE e ADD COLUMN f int;
  ELSIF g() THEN
    DROP TABLE h;
  ELSE
    COMMIT;
  END IF;
  SELECT id INTO n FROM i WHERE x = 1;
  FOR r IN SELECT * FROM j LOOP
    UPDATE k SET l = r.l;
  END LOOP;
  BEGIN
    INSERT INTO m VALUES (1) RETURNING id INTO n;
  EXCEPTION WHEN others THEN
    DELETE FROM o;
  END;
  PERFORM set_config('lock_timeout', '1s', true);
  CALL p();
  n := n + 1;
END
$body$;
"""


def test_every_static_statement_is_seen_in_order() -> None:
    found = block(BODY)
    assert found.opaque is None
    assert seen(found.inner) == [
        ("(SELECT max(id) FROM a)", Dml),
        ("SELECT * FROM b", Dml),
        ("NOT EXISTS (SELECT FROM d)", Dml),
        ("ALTER TABLE e ADD COLUMN f int", AlterTable),
        ("g()", Dml),
        ("DROP TABLE h", DropTable),
        ("COMMIT", Transaction),
        ("SELECT id INTO n FROM i WHERE x = 1", Dml),
        ("SELECT * FROM j", Dml),
        ("UPDATE k SET l = r.l", Dml),
        ("INSERT INTO m VALUES (1) RETURNING id", Dml),
        ("DELETE FROM o", Dml),
        ("PERFORM set_config('lock_timeout', '1s', true)", SetVariable),
        ("CALL p()", Call),
    ]
    assert [s.span.line for s in found.inner][:4] == [5, 6, 9, 10]
    assert found.inner[6].action == Transaction(TransactionVerb.COMMIT)


@pytest.mark.parametrize(
    ("execute", "inner"),
    [
        ("'DROP TABLE a'", [("DROP TABLE a", DropTable)]),
        (
            "'DROP TABLE a; CREATE INDEX ON b (c)'",
            [("DROP TABLE a", DropTable), ("CREATE INDEX ON b (c)", CreateIndex)],
        ),
        ("$q$DROP TABLE a$q$", [("DROP TABLE a", DropTable)]),
        ("'DROP ' || 'TABLE a'", [("'DROP ' || 'TABLE a'", DropTable)]),
        ("format('DROP TABLE %I', 'A')", [("format('DROP TABLE %I', 'A')", DropTable)]),
        ("'DROP TABLE ''a'''", [("'DROP TABLE ''a'''", Unparsed)]),
    ],
)
def test_what_execute_runs_from_constants_is_static(execute: str, inner: list[tuple[str, type]]) -> None:
    found = block(f"DO $$ BEGIN EXECUTE {execute}; END $$")
    assert (seen(found.inner), found.opaque) == (inner, None)


def test_format_quotes_as_the_server_does() -> None:
    (found,) = block("DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD a text DEFAULT %L', 'T', 'it''s %'); END $$").inner
    assert isinstance(found.action, AlterTable)
    assert str(found.action.table) == '"T"'
    assert found.action.actions[0].definition.column.default.sql == "'it''s %'"


@pytest.mark.parametrize(
    "execute",
    [
        "x",
        "'DROP TABLE ' || x",
        "format('DROP TABLE %I', x)",
        "format('DROP TABLE %s')",
        "'DROP TABLE ' || quote_ident(x)",
    ],
)
def test_what_is_made_at_run_time_is_opaque(execute: str) -> None:
    found = block(f"DO $$ DECLARE x text; BEGIN EXECUTE {execute}; DROP TABLE z; END $$")
    assert (seen(found.inner), found.opaque) == ([("DROP TABLE z", DropTable)], f"EXECUTE {execute}")


@pytest.mark.parametrize("loop", ["FOR r IN EXECUTE x LOOP NULL; END LOOP", "OPEN c FOR EXECUTE x"])
def test_dynamic_queries_of_loops_and_cursors_are_opaque(loop: str) -> None:
    found = block(f"DO $$ DECLARE r record; c refcursor; x text; BEGIN {loop}; END $$")
    assert found.opaque == "EXECUTE x"


def test_a_body_in_plain_quotes_is_seen_at_its_place() -> None:
    assert seen(block("DO LANGUAGE plpgsql 'BEGIN DROP TABLE a; END'").inner) == [("DROP TABLE a", DropTable)]


def test_a_body_with_doubled_quotes_is_seen_at_the_place_of_the_block() -> None:
    text = "DO 'BEGIN EXECUTE ''DROP TABLE a''; END'"
    assert seen(block(text).inner) == [(text, DropTable)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("DO LANGUAGE plperl $$ 1 $$", "written in plperl"),
        ("DO $$ BEGIN; nonsense END $$", 'the body does not parse: syntax error at or near ";"'),
        ("DO $$ BEGIN DROP TABEL a; END $$", 'the body does not parse: syntax error at or near "TABEL"'),
    ],
)
def test_what_cannot_be_read_is_opaque_with_the_reason(text: str, reason: str) -> None:
    found = block(text)
    assert (found.inner, found.opaque) == ((), reason)


def test_an_innocent_block_is_neither() -> None:
    found = block("DO $$ BEGIN RAISE NOTICE 'x'; NULL; END $$")
    assert (found.inner, found.opaque, found.language) == ((), None, "plpgsql")


@pytest.mark.parametrize("depth", [300, 3_000, 30_000])
@pytest.mark.parametrize("body", ["EXECUTE {}", "PERFORM {}", "x := {}", "IF {} THEN DROP TABLE b; END IF"])
def test_deep_expressions_end_nothing(body: str, depth: int) -> None:
    chain = "||".join(["'a'"] * depth)
    text = f"DO $$ DECLARE x text; BEGIN {body.format(chain)}; DROP TABLE a; END $$"
    inner = block(text).inner
    assert inner[-1].text == "DROP TABLE a"


@pytest.mark.parametrize("depth", [1_000, 30_000])
def test_deep_nesting_is_opaque(depth: int) -> None:
    found = block("DO $$ " + "BEGIN " * depth + "NULL; " + "END; " * depth + "$$")
    assert found.opaque is not None
    assert found.opaque.startswith("the body does not parse")


def test_many_statements_on_many_lines_keep_their_places() -> None:
    found = block("DO $$ BEGIN\n" + "UPDATE t SET a = 1;\n" * 2_000 + "END $$")
    assert [s.span.line for s in found.inner] == list(range(2, 2_002))
