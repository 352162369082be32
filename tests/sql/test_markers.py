"""What migration runners say in file names and comments."""

import pytest

from migrate_safe.model.statement import Direction, DoBlock, Wrapping
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
        ("-- migrate:up transaction:false\n" + TWO + "-- migrate:down\n" + TWO, "1.sql"),
        ("-- no-transaction\n" + TWO, "1_a.up.sql"),
        ("-- morph:nontransactional\n" + TWO, "1_a.up.sql"),
        ("-- atlas:txmode none\n" + TWO, "1.sql"),
        (TWO, "1_a.autocommit.up.sql"),
        ("BEGIN;\n" + TWO + "COMMIT;", "1_a.up.sql"),
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
