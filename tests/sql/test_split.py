"""A file becomes its statements: none lost, none invented, each in its place."""

import pytest

from migrate_safe.model.errors import UsageError
from migrate_safe.model.statement import CreateIndex, Dml, DmlKind, DropTable, PsqlCommand, Unparsed
from tests.sql.reading import script, statement, texts, unparsed


def test_text_leaves_out_comments_around_and_the_semicolon() -> None:
    text = "-- before\n/* and */  DROP TABLE a /* within */ , b -- behind\n ; -- after\n"
    assert texts(text) == ["DROP TABLE a /* within */ , b"]


def test_places_count_from_one_in_characters() -> None:
    read = script("-- 🐘 é\n  DROP TABLE “é”;DROP\n\tTABLE b")
    first, second = (s.span for s in read.statements)
    assert str(first) == "db/1.sql:2:3"
    assert (first.end_line, first.end_column) == (2, 17)
    assert (second.line, second.column, second.end_line, second.end_column) == (2, 18, 3, 9)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_once(end: str) -> None:
    read = script(f"DROP TABLE a;{end}{end}DROP TABLE b;{end}")
    assert [s.span.line for s in read.statements] == [1, 3]


def test_a_byte_order_mark_is_no_column() -> None:
    read = script("\ufeffDROP TABLE a;\nDROP TABLE b")
    assert [(s.text, s.span.line, s.span.column) for s in read.statements] == [
        ("DROP TABLE a", 1, 1),
        ("DROP TABLE b", 2, 1),
    ]


@pytest.mark.parametrize(
    "one",
    [
        "SELECT 'a;b'",
        "SELECT 'it''s; so'",
        r"SELECT E'it\'s; so'",
        "SELECT E'a'\n'b\\';c'",
        r"SELECT 'ends in \'",
        "SELECT U&'d\\0061t;' UESCAPE '!'",
        'SELECT 1 AS "a;""b"',
        "SELECT $$a;'b$$",
        "SELECT $x$a;$$;$y$;b$x$",
        "SELECT a$b$c FROM t$1",
        "SELECT 1 /* a; /* nested; */ b; */ + 2",
        "SELECT 1 -- a;\n+ 2",
        "SELECT 1 --\n+ 2",
        "SELECT a[1:2], (SELECT 1)",
        "SELECT 'größer; 🐘'",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
        "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END; $f$",
    ],
)
def test_a_semicolon_inside_is_no_end(one: str) -> None:
    assert texts(f"{one};DROP TABLE a;") == [one, "DROP TABLE a"]
    assert unparsed(one) == []


def test_empty_statements_and_comments_are_nothing() -> None:
    assert texts("") == texts(" \n;;\n-- a\n/* b */;") == texts("\ufeff") == []


def test_a_bad_statement_keeps_its_place_and_hides_no_other() -> None:
    read = script("DROP TABLE a;\nALTER TABEL b ADD c int;\nDROP TABLE d;")
    assert [type(s.action) for s in read.statements] == [DropTable, Unparsed, DropTable]
    assert read.statements[1].action == Unparsed('syntax error at or near "TABEL" (line 2, column 7)')


@pytest.mark.parametrize(
    "bad",
    [
        "INSERT INTO t VALUES ('it's);",
        'ALTER TABLE "t ADD a int;',
        "CREATE TABLE t (a int;",
        "SELECT $$ never closed;",
        "SELECT 1 /* never closed;",
        "SELECT ((1);",
        "SELECT 'a' 'b;",
    ],
)
def test_what_is_left_open_hides_no_statement_behind_it(bad: str) -> None:
    read = script(f"DROP TABLE a;\n{bad}\nDROP TABLE b;\nDROP TABLE c")
    assert [s.text for s in read.statements] == ["DROP TABLE a", bad[:-1], "DROP TABLE b", "DROP TABLE c"]
    assert isinstance(read.statements[1].action, Unparsed)


def test_a_body_of_a_bad_statement_is_not_taken_for_statements() -> None:
    bad = "CREATE FUNKTION f() RETURNS int AS $$\nBEGIN\n  DELETE FROM t;\n  garbage here;\nEND $$"
    read = script(f"{bad};\nDROP TABLE a;")
    assert [s.text for s in read.statements if isinstance(s.action, DropTable)] == ["DROP TABLE a"]


def test_a_missing_semicolon_makes_both_unparsed_with_the_place_of_the_second() -> None:
    read = script("ALTER TABLE a DROP b\nALTER TABLE c DROP d;")
    assert [s.action for s in read.statements] == [Unparsed('syntax error at or near "ALTER" (line 2, column 1)')]


def test_a_template_is_called_one() -> None:
    assert statement("DROP TABLE {{ .Schema }}.a").action == Unparsed(
        'syntax error at or near "{" (line 1, column 12); a template is no SQL: render it first'
    )


def test_psql_commands_are_statements_of_their_own() -> None:
    read = script(
        "\\set ON_ERROR_STOP on\n\\i other.sql\nDROP TABLE a;\nSELECT 'DROP TABLE b' \\gexec\n\\.\nDROP TABLE c"
    )
    assert [s.text for s in read.statements] == [
        "\\set ON_ERROR_STOP on",
        "\\i other.sql",
        "DROP TABLE a",
        "SELECT 'DROP TABLE b'",
        "\\gexec",
        "\\.",
        "DROP TABLE c",
    ]
    assert read.statements[0].action == PsqlCommand("set", "ON_ERROR_STOP on")
    assert read.statements[4].action == PsqlCommand("gexec")


def test_a_backslash_that_is_no_command_stays_in_its_statement() -> None:
    assert unparsed("SELECT \\ 1; DROP TABLE a") == ["SELECT \\ 1"]


def test_copied_data_is_not_sql() -> None:
    read = script("COPY t (a, b) FROM stdin; -- data\n1\tit's; DROP TABLE x;\n\\N\t\\\\.\n\\.\nDROP TABLE a;\n")
    assert [s.text for s in read.statements] == ["COPY t (a, b) FROM stdin", "DROP TABLE a"]
    assert read.statements[0].action.kind is DmlKind.COPY_FROM
    assert read.statements[1].span.line == 5


@pytest.mark.parametrize("copy", ["COPY t FROM STDIN", "copy t from stdin with (format csv)", "\\copy t from stdin"])
def test_every_form_of_copy_from_stdin_has_data(copy: str) -> None:
    end = "" if copy.startswith("\\") else ";"
    assert texts(f"{copy}{end}\n';\n\\.\nDROP TABLE a") == [copy, "DROP TABLE a"]


def test_without_an_end_of_data_nothing_is_taken_for_data() -> None:
    assert texts("COPY t FROM stdin;\nDROP TABLE a;") == ["COPY t FROM stdin", "DROP TABLE a"]


def test_copy_from_a_file_has_no_data() -> None:
    assert texts("COPY t FROM '/x';\nDROP TABLE a;\n\\.\n") == ["COPY t FROM '/x'", "DROP TABLE a", "\\."]


@pytest.mark.parametrize("text", ["DROP TABLE a;\nDROP\0TABLE b;", "\n'\0"])
def test_a_nul_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(UsageError, match="NUL") as refused:
        script(text)
    assert refused.value.place == "db/1.sql:2"


def test_a_lone_surrogate_is_refused_with_its_line() -> None:
    with pytest.raises(UsageError, match="not valid Unicode") as refused:
        script("\n\nSELECT '\udc80'")
    assert refused.value.place == "db/1.sql:3"


def test_statements_after_a_bad_file_start_are_read() -> None:
    read = script("this is prose;\nCREATE INDEX i ON t (a);\nUPDATE t SET a = 1")
    assert [type(s.action) for s in read.statements] == [Unparsed, CreateIndex, Dml]


def test_what_does_not_parse_is_not_cut_open_in_its_body():
    text = """\
BEGIN;
CREATE FUNCTION :S.f() RETURNS trigger AS $$
BEGIN
  DELETE FROM t;
  RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE INDEX CONCURRENTLY i ON t (a);
COMMIT;
"""
    statements = script(text).statements
    assert [s.text.split()[0] for s in statements] == ["BEGIN", "CREATE", "CREATE", "COMMIT"]
    assert isinstance(statements[1].action, Unparsed)
    assert statements[1].text.endswith("$$ LANGUAGE plpgsql")


SWALLOWED = {
    "a string": "INSERT INTO notes (body VALUES ('first;\nDROP TABLE users;\nlast');\nSELECT 1;",
    "a body in quotes": "CREATE FUNCTION f( returns int AS '\n  SELECT 1;\n  DROP TABLE users;\n';\nSELECT 1;",
    "a comment": "INSERT INTO notes (body VALUES (1 /* one;\nDROP TABLE users;\n*/);\nSELECT 1;",
    "a name": 'INSERT INTO notes ("a;\nDROP TABLE users;\nb" VALUES (1);\nSELECT 1;',
}


@pytest.mark.parametrize("what", SWALLOWED)
def test_an_open_parenthesis_opens_no_quotes(what: str) -> None:
    statements = script(SWALLOWED[what]).statements
    assert [isinstance(s.action, Unparsed) for s in statements] == [True, False]
    assert statements[1].text == "SELECT 1"


def test_a_dollar_quote_that_is_not_closed_hides_nothing() -> None:
    body = "RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n"
    read = script(f"CREATE FUNCTION f() {body}\nDROP TABLE orders;\nCREATE FUNCTION g() {body}$$;\nSELECT 2;\n")
    assert "DROP TABLE orders" in [s.text for s in read.statements]
