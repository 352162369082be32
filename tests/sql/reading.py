"""Short ways to read one statement."""

from migrate_safe.model.source import Source
from migrate_safe.model.statement import Action, Script, Statement, TableAction, Unparsed, Wrapping
from migrate_safe.sql.lexer import WHITE_SPACE
from migrate_safe.sql.parse import parse_script, parse_statements


def statement(sql: str) -> Statement:
    """Read exactly one statement."""
    found = parse_statements(sql)
    assert len(found) == 1, found
    return found[0]


def action(sql: str) -> Action:
    """Read what exactly one statement says."""
    return statement(sql).action


def table_action(sql: str) -> TableAction:
    """Read the only action of an ALTER TABLE t, given without these words."""
    read = action(f"ALTER TABLE t {sql}")
    (found,) = read.actions
    return found


def script(text: str, path: str = "db/1.sql", wrapping: Wrapping | None = None) -> Script:
    """Read a file and hold it to what must be true of every file."""
    read = parse_script(Source(path, text), wrapping=wrapping)
    hold_spans(text, read.statements)
    return read


def hold_spans(text: str, statements: tuple[Statement, ...]) -> None:
    """Every statement stands where its span says, in order, without overlap."""
    position = 0
    for found in statements:
        span = found.span
        assert position <= span.start < span.end <= len(text)
        assert text[span.start : span.end] == found.text
        assert found.text == found.text.strip(WHITE_SPACE)
        assert (span.line, span.column) == place(text, span.start)
        assert (span.end_line, span.end_column) == place(text, span.end)
        position = span.end


def place(text: str, offset: int) -> tuple[int, int]:
    """Count line and column by another way than the code does."""
    before = text[:offset].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text[offset - 1 : offset + 1] == "\r\n":
        before = before[:-1] + "\r"
    lines = before.split("\n")
    return len(lines), len(lines[-1]) + 1


def texts(sql: str) -> list[str]:
    """Give the texts of the statements of a file."""
    return [found.text for found in script(sql).statements]


def unparsed(sql: str) -> list[str]:
    """Give the texts of those statements that the parser refuses."""
    return [found.text for found in script(sql).statements if isinstance(found.action, Unparsed)]
