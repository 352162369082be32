"""Findings in words and machine formats."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.model.source import Span
from migrate_safe.model.values import replace
from migrate_safe.report.excerpt import cells, excerpt
from migrate_safe.report.lint_github import lint_github
from migrate_safe.report.lint_json import lint_json, lint_schema_path
from migrate_safe.report.lint_text import lint_text

FINDING = Finding(
    rule="index-not-concurrent",
    severity=Severity.ERROR,
    span=Span("db/0042.sql", 30, 62, 3, 1, 3, 33),
    message="CREATE INDEX makes all writes to users wait until the index is built. Build it CONCURRENTLY.",
    statement="CREATE INDEX i ON users (email)",
    relation="public.users",
    effects=("SHARE on public.users",),
    safe="CREATE INDEX CONCURRENTLY i ON users (email);",
    fixable=True,
)
NOTICE = replace(FINDING, rule="lock-timeout-missing", severity=Severity.NOTICE, safe="", fixable=False)
REPORT = LintReport(
    (FINDING,),
    files=2,
    statements=9,
    unanalysed=(Unanalysed("b.sql", 4, "is not UTF-8"),),
    suppressed=1,
    frameworks={"goose": 2},
)

TEXT = """\
db/0042.sql:3:1: error: index-not-concurrent
  3 | CREATE INDEX i ON users (email)
    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  CREATE INDEX makes all writes to users wait until the index is built. Build it CONCURRENTLY.
  instead:
    CREATE INDEX CONCURRENTLY i ON users (email);

not analysed:
  b.sql:4: is not UTF-8

1 error (9 statements in 2 files of goose, 1 not analysed, 1 suppressed); more on a rule: migrate-safe explain RULE
"""


def test_the_text_says_where_what_and_what_instead():
    assert lint_text(REPORT) == TEXT


def test_nothing_found():
    assert lint_text(LintReport((), files=1, statements=1)) == "no findings (1 statement in 1 file)\n"


def test_a_long_statement_is_shown_by_its_first_lines_at_its_column():
    long = replace(FINDING, span=Span("a.sql", 5, 99, 9, 6, 14, 2), statement="ALTER TABLE t\n\tADD a int,\n1\n2\n3\n4")
    lines = lint_text(LintReport((long,), 1, 1)).splitlines()
    assert lines[1:6] == [
        "   9 |      ALTER TABLE t",
        "     |      ^^^^^^^^^^^^^",
        "  10 |     ADD a int,",
        "  11 | 1",
        "     | ... 3 more lines",
    ]


def in_one_line(statements: list[str]) -> LintReport:
    """Make a finding for each statement of a file that is a single line."""
    starts = [len("; ".join(["", *statements[:i]])) for i in range(len(statements))]
    spans = [
        Span("a.sql", at, at + len(s), 1, at + 1, 1, at + len(s) + 1) for at, s in zip(starts, statements, strict=True)
    ]
    found = [replace(FINDING, span=span, statement=s, safe="") for span, s in zip(spans, statements, strict=True)]
    return LintReport(tuple(found), 1, len(found))


def test_of_a_file_in_one_line_each_finding_shows_its_own_statement():
    text = lint_text(in_one_line(["DROP TABLE a"] * 9 + ["DROP TABLE 用户", "ALTER TABLE b ADD c " + "x" * 5000]))
    lines = text.splitlines()
    assert lines[1:3] == ["  1 | DROP TABLE a", "    | ^^^^^^^^^^^^"]
    assert lines[-10:-8] == ["  1 | ... DROP TABLE 用户", "    |     " + "^" * 15]
    assert lines[-5].startswith("  1 | ... ALTER TABLE b ADD c xxx")
    assert lines[-5].endswith("x...")
    assert len(lines[-5]) == 100


@pytest.mark.parametrize("width", [30, 80, 200])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(st.sampled_from("aé用\t\n\u0301 "), max_size=300), st.integers(1, 300))
def test_no_line_is_wider_than_the_window(width, statement, column):
    lines = excerpt(Span("a.sql", 0, 1, 99, column, 99, column + 1), statement, width)
    assert len(lines) <= 5
    assert all(cells(line) <= max(width, 32) for line in lines)


def test_the_figures_say_what_runs_the_files():
    def line(**frameworks: int) -> str:
        return lint_text(LintReport((), 3, 1, frameworks=frameworks)).strip()

    assert line(psql=3) == "no findings (1 statement in 3 files)"
    assert line(goose=3) == "no findings (1 statement in 3 files of goose)"
    assert line(psql=1, goose=2) == "no findings (1 statement in 3 files of goose (2) and psql (1))"


def test_advice_repeats_no_long_statement():
    long = "ALTER TABLE t\n" + ",\n".join(f"  ADD c{i} int" for i in range(50))
    finding = replace(FINDING, statement=long, safe=f"SET lock_timeout = '2s';\n{long};")
    text = lint_text(LintReport((finding,), 1, 1))
    assert "    SET lock_timeout = '2s';\n    ALTER TABLE t ...; -- the statement as it is\n" in text
    assert json.loads(lint_json(LintReport((finding,), 1, 1)))["findings"][0]["safe"] == finding.safe


def test_carets_stand_under_wide_letters():
    wide = replace(FINDING, statement="DROP TABLE 用户")
    lines = lint_text(LintReport((wide,), 1, 1)).splitlines()
    assert lines[2] == "    | " + "^" * 15


def test_a_notice_is_explained_once():
    other = replace(NOTICE, span=replace(NOTICE.span, file="z.sql"))
    text = lint_text(LintReport((NOTICE, other), 2, 2))
    assert "\nz.sql:3:1: notice: lock-timeout-missing (as above)\n" in text
    assert text.count("CREATE INDEX makes") == 1


def test_colour_is_for_terminals():
    assert "\x1b[1;31merror\x1b[0m" in lint_text(REPORT, colour=True)
    assert "\x1b" not in lint_text(REPORT)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), st.text(max_size=20))
def test_no_control_character_of_a_migration_reaches_the_terminal(statement, message):
    odd = replace(FINDING, statement=statement, message=message, safe=statement, rule="r")
    assert all(c.isprintable() or c == "\n" for c in lint_text(LintReport((odd,), 1, 1)))


def test_json_keeps_its_promise():
    data = json.loads(lint_json(REPORT))
    jsonschema.validate(data, json.loads(lint_schema_path().read_text()))
    assert data["format"] == "migrate-safe/lint/1"
    assert data["findings"] == [
        {
            "rule": "index-not-concurrent",
            "severity": "error",
            "file": "db/0042.sql",
            "line": 3,
            "column": 1,
            "end_line": 3,
            "end_column": 33,
            "message": FINDING.message,
            "relation": "public.users",
            "statement": FINDING.statement,
            "effects": ["SHARE on public.users"],
            "safe": FINDING.safe,
            "fixable": True,
        }
    ]
    assert data["unanalysed"] == [{"file": "b.sql", "line": 4, "reason": "is not UTF-8"}]
    assert data["summary"] == {
        "files": 2,
        "frameworks": {"goose": 2},
        "statements": 9,
        "unanalysed": 1,
        "errors": 1,
        "warnings": 0,
        "notices": 0,
        "suppressed": 1,
        "baselined": 0,
    }


@pytest.mark.parametrize("change", [{"format": "x"}, {"more": 1}, {"findings": [{}]}])
def test_the_schema_refuses_what_is_not_promised(change):
    data = {**json.loads(lint_json(REPORT)), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json.loads(lint_schema_path().read_text()))


def test_github_annotations_escape_what_would_end_them():
    odd = replace(FINDING, span=replace(FINDING.span, file="a,b:c.sql"), message="50 %\nlost")
    lines = lint_github(LintReport((odd,), 1, 1, unanalysed=REPORT.unanalysed)).splitlines()
    assert lines[0] == (
        "::error file=a%2Cb%3Ac.sql,line=3,endLine=3,col=1,endColumn=33,title=index-not-concurrent::"
        "50 %25%0Alost%0A%0AInstead:%0ACREATE INDEX CONCURRENTLY i ON users (email);"
    )
    assert lines[1] == "::warning file=b.sql,line=4,title=not analysed::is not UTF-8"
