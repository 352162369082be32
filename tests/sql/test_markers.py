"""What migration runners say in file names and comments."""

import pytest

from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Direction, DoBlock, Wrapping
from migrate_safe.sql.parse import parse_script
from tests.sql.reading import script

UP, DOWN = Direction.UP, Direction.DOWN
TWO = "DROP TABLE a;\nDROP TABLE b;\n"


def directions(text: str, path: str = "db/1.sql") -> list[Direction]:
    return [s.direction for s in script(text, path).statements]


@pytest.mark.parametrize(
    ("up", "down", "name"),
    [
        ("-- +goose Up", "-- +goose Down", "goose"),
        ("--+goose Up", None, None),
        ("-- +migrate Up", "-- +migrate Down", "sql-migrate"),
        ("-- migrate:up", "-- migrate:down", "dbmate"),
    ],
)
def test_parts_have_directions(up: str, down: str | None, name: str | None) -> None:
    if down is None:
        up, down, name = up.replace("--+", "-- +"), "-- +goose down", "goose"
    read = script(f"{up}\nDROP TABLE a;\n{down}\nDROP TABLE b;\nDROP TABLE c")
    assert [s.direction for s in read.statements] == [UP, DOWN, DOWN]
    assert (read.markers, read.wrapping) == ((name,), Wrapping.FILE)


@pytest.mark.parametrize(
    ("path", "direction", "name"),
    [
        ("db/1_a.up.sql", UP, "golang-migrate"),
        ("db/1_a.down.sql", DOWN, "golang-migrate"),
        ("migrations/1_a/up.sql", UP, "diesel"),
        ("migrations/1_a/down.sql", DOWN, "diesel"),
        ("down.sql", DOWN, "diesel"),
        ("prisma/migrations/1_a/migration.sql", UP, "prisma"),
        ("sql/V1_2__a.sql", UP, "flyway"),
        ("sql/U1.2__a.sql", DOWN, "flyway"),
        ("sql/R__views.sql", UP, "flyway"),
    ],
)
def test_file_names_say_runner_and_direction(path: str, direction: Direction, name: str) -> None:
    read = script(TWO, path)
    assert {s.direction for s in read.statements} == {direction}
    assert (read.markers, read.wrapping) == ((name,), Wrapping.FILE)


@pytest.mark.parametrize(
    "path", ["db/setup.sql", "db/markdown.sql", "db/V1_a.sql", "db/pickup.sql", "db/group.sql.sql"]
)
def test_other_names_say_nothing(path: str) -> None:
    read = script(TWO, path)
    assert (read.markers, read.wrapping, directions(TWO, path)) == ((), Wrapping.STATEMENT, [UP, UP])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("-- +goose NO TRANSACTION\n-- +goose Up\n" + TWO, "1.sql"),
        ("-- +goose Up\n-- +goose NO TRANSACTION\n" + TWO, "1.sql"),
        ("-- +migrate Up notransaction\n" + TWO, "1.sql"),
        ("-- migrate:up transaction:false\nDROP TABLE a;\n-- migrate:down\n" + TWO, "1.sql"),
        ("-- no-transaction\nDROP TABLE a;", "1_a.up.sql"),
        ("-- morph:nontransactional\nDROP TABLE a;", "1_a.up.sql"),
        ("---- tern: disable-tx ----\n" + TWO + "---- create above / drop below ----\n" + TWO, "1.sql"),
        ("--liquibase formatted sql\n--changeset a:1 runInTransaction:false\n" + TWO, "1.sql"),
        ("-- atlas:txmode none\n" + TWO, "1.sql"),
        (TWO, "1_a.autocommit.up.sql"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", "1_a.up.sql"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", "1/migration.sql"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);\nDROP INDEX CONCURRENTLY j;", "V1__a.sql"),
        ("VACUUM a", "V1__a.sql"),
        (TWO, "plain.sql"),
    ],
)
def test_no_transaction_around_the_file(text: str, path: str) -> None:
    assert script(text, path).wrapping is Wrapping.STATEMENT


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (a);", "1.sql"),
        ("-- migrate:up\n" + TWO + "-- migrate:down transaction:false\n" + TWO, "1.sql"),
        ("CREATE INDEX CONCURRENTLY i ON t (a);", "1/up.sql"),
        ("ANALYZE a", "V1__a.sql"),
        ("-- no-transaction\n" + TWO, "1_a.sql"),
        ("-- migrate:up transaction:false\n" + TWO, "1.sql"),
        ("BEGIN;\n" + TWO + "COMMIT;", "1_a.up.sql"),
        ("SET lock_timeout = 1;\nCREATE INDEX CONCURRENTLY i ON t (a);", "V1__a.sql"),
        ("REINDEX INDEX CONCURRENTLY i;", "V1__a.sql"),
        ("-- Up Migration\nDROP TABLE a;", "1.sql"),
        ("--liquibase formatted sql\n--changeset a:1\nDROP TABLE a;", "1.sql"),
        ("SELECT '-- no-transaction';\n/* -- +goose NO TRANSACTION */\n" + TWO, "1_a.up.sql"),
    ],
)
def test_one_transaction_around_the_file(text: str, path: str) -> None:
    assert script(text, path).wrapping is Wrapping.FILE


def test_an_argument_overrides_the_markers() -> None:
    assert script(TWO, "1/up.sql", Wrapping.STATEMENT).wrapping is Wrapping.STATEMENT
    assert script(TWO, "plain.sql", Wrapping.FILE).wrapping is Wrapping.FILE


def test_markers_end_a_statement_that_has_no_semicolon() -> None:
    text = (
        "-- +goose Up\n-- +goose StatementBegin\nALTER TABLE a ADD b int\n-- +goose StatementEnd\n"
        "DROP TABLE c\n-- +goose Down\nDROP TABLE d\n"
    )
    read = script(text)
    assert [(s.text, s.direction) for s in read.statements] == [
        ("ALTER TABLE a ADD b int", UP),
        ("DROP TABLE c", UP),
        ("DROP TABLE d", DOWN),
    ]


def test_a_marker_within_a_string_is_none() -> None:
    text = "SELECT '\n-- +goose Down\n';\nDROP TABLE a;"
    assert directions(text) == [UP, UP]
    assert script(text).markers == ()


def test_a_marker_behind_something_on_its_line_is_none() -> None:
    assert directions("DROP TABLE a; -- +goose Down\nDROP TABLE b -- migrate:down\n;") == [UP, UP]


def test_what_is_inside_a_block_goes_the_same_way() -> None:
    read = script("-- +goose Down\nDO $$ BEGIN DROP TABLE a; END $$;")
    (block,) = read.statements
    assert isinstance(block.action, DoBlock)
    assert [s.direction for s in (block, *block.action.inner)] == [DOWN, DOWN]


# ---- what commits together ---------------------------------------------------------------------


def units(text: str, path: str = "1.sql", runner: Runner | None = None) -> list[tuple[list[str], str]]:
    """Give the statements of each unit, and how it is sent: wrapped, one message, or each by itself."""
    read = parse_script(Source(path, text), runner=runner)
    words = {True: "message", False: "wrapped"}
    return [
        (
            [s.text for s in read.statements if s.unit == number],
            words[unit.implicit] if unit.wrapping is Wrapping.FILE else "single",
        )
        for number, unit in enumerate(read.units)
    ]


A, B, C = "DROP TABLE a", "DROP TABLE b", "DROP INDEX CONCURRENTLY c"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (f"{A};{B};", "plain.sql", [([A, B], "single")]),
        (f"{A};{B};", "1_a.up.sql", [([A, B], "message")]),
        (f"{A};", "1_a.up.sql", [([A], "single")]),
        (f"-- migrate:up transaction:false\n{A};{B};\n-- migrate:down\n{B};", "1.sql",
         [([A, B], "message"), ([B], "wrapped")]),
        (f"-- migrate:up\n{A};\n-- migrate:down transaction:false\n{C};", "1.sql", [([A], "wrapped"), ([C], "single")]),
        (f"-- +migrate Up\n{A};\n-- +migrate Down notransaction\n{C};", "1.sql", [([A], "wrapped"), ([C], "single")]),
        (f"-- +goose NO TRANSACTION\n-- +goose Up\n{A};\n-- +goose Down\n{C};", "1.sql",
         [([A], "single"), ([C], "single")]),
        (f"-- +goose Up\n-- +goose StatementBegin\n{A};\n-- +goose StatementEnd\n{B};", "1.sql", [([A, B], "wrapped")]),
        (f"--changeset a:1\n{A};\n--changeset a:2 runInTransaction:false\n{C};\n--changeset a:3 x:y\n{B};", "1.sql",
         [([A], "wrapped"), ([C], "single"), ([B], "wrapped")]),
        (f"---- tern: disable-tx ----\n{C};{A};\n---- create above / drop below ----\n{B};", "1.sql",
         [([C, A], "single"), ([B], "wrapped")]),
    ],
)  # fmt: skip
def test_what_a_runner_sends_together(text, path, expected):
    assert units(text, path) == expected


def test_runners_that_send_some_statements_between_others():
    text = f"{A};{B};{C};{A};"
    assert units(text, runner=Runner(Framework.SUPABASE)) == [([A, B], "wrapped"), ([C], "single"), ([A], "wrapped")]
    one = "1_a/migration.sql"
    assert units(text, one) == [([A, B, C, A], "message")]
    assert units(text, one, Runner(Framework.PRISMA, mixed=True)) == [
        ([A, B], "message"),
        ([C], "single"),
        ([A], "single"),
    ]


def test_what_the_user_names_wins_over_marks_and_names():
    forced = Runner(Framework.GOOSE, forced=True)
    assert units(f"{A};{B};", "1_a.up.sql", forced) == [([A, B], "wrapped")]
    assert units(f"-- migrate:up transaction:false\n{C};", "1.sql", forced) == [([C], "wrapped")]
    assert directions(f"-- migrate:down\n{C};") == [DOWN]
    read = parse_script(Source("1.sql", f"-- migrate:down\n{C};"), runner=forced)
    assert [s.direction for s in read.statements] == [UP]


def test_what_others_write_above_a_migration_is_no_mark():
    for path in ("1_a.up.sql", "V1__a.sql"):
        assert units(f"-- Down Migration\n{A};", path)[0][1] in ("single", "wrapped")
        assert directions(f"-- Down Migration\n{A};", path) == [UP]
    assert script(f"-- up migration for users\n{A};").framework is None
