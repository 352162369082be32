"""Whatever files a folder holds, lint ends with a report: no traceback, places exact, and no file hides another."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from migrate_safe.adapters.files import decode
from migrate_safe.app.lint import LintRequest, lint
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.framework import Framework
from migrate_safe.model.source import Source
from migrate_safe.report.lint_json import lint_json
from migrate_safe.report.lint_sarif import lint_sarif
from migrate_safe.report.lint_text import lint_text
from migrate_safe.rulebook.load import load_rules

STATEMENTS = tuple(
    dict.fromkeys(
        text for rule in load_rules() for example_ in rule.examples for text in (example_.given, example_.sql)
    )
)
"""Real migrations: what the rules are shown by."""
MARKS = (
    "-- +goose Up\n",
    "-- +goose Down\n",
    "-- +goose NO TRANSACTION\n",
    "-- +goose StatementBegin\n",
    "-- +goose StatementEnd\n",
    "-- +migrate Up notransaction\n",
    "-- migrate:up transaction:false\n",
    "-- migrate:down\n",
    "--liquibase formatted sql\n",
    "--changeset a:1 runInTransaction:false\n",
    "---- create above / drop below ----\n",
    "---- tern: disable-tx ----\n",
    "-- no-transaction\n",
    "-- Down Migration\n",
    "--> statement-breakpoint\n",
    "-- migrate-safe: ignore drop-table, compat until 2027-01-31: gone\n",
    "-- migrate-safe: ignore-file locks\n",
    "BEGIN;\n",
    "COMMIT;\n",
)
SPLINTERS = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\r", b"'", b'"', b"$$", b"/*", b"*/", b"--", b";"),
    *(b"(" * 3000, b"SELECT " + b"(" * 400 + b"1" + b")" * 400, b"CASE WHEN " * 300, b"\\i x\n", b"{{ x }}", b"\xc3"),
    *("é🐘\u2028\u0085".encode(), b"\x0c", b"COPY t FROM stdin;\n1\n", b"E'\\", b"U&'\\", b"END $$;"),
)
NAMES = (
    *("1.sql", "2_b.up.sql", "2_b.down.sql", "V3__c.sql", "U3__c.sql", "R__d.sql", "4/up.sql", "4/down.sql"),
    *("5/migration.sql", "atlas.sum", "sqitch.plan", "meta/_journal.json", "V3__c.sql.conf", "tern.conf", "x.txt"),
)
SEEN = b"SET lock_timeout = '1s';\nDROP TABLE hidden_by_nothing;\n"

statements = st.lists(st.sampled_from((*STATEMENTS, *MARKS)), max_size=6).map(lambda parts: "\n".join(parts).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a migration with splinters in it, pieces taken out, and pieces said twice."""
    data = draw(statements)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        piece = draw(st.sampled_from((*SPLINTERS, data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data.replace(b"\n", b"\r\n") if draw(st.booleans()) else data


contents = damaged() | st.binary(max_size=200)
folders = st.dictionaries(st.sampled_from(NAMES), contents, max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(folders, st.none() | st.sampled_from(list(Framework)))
@example({"1.sql": b"\xef\xbb\xbf" + STATEMENTS[0].encode() + b"\0"}, None)
@example({"sqitch.plan": b"\xff\n@@\n%\nname\n", "1.sql": b"SELECT 1"}, None)
@example({"meta/_journal.json": b'{"entries": [{"tag": "1", "idx": "x"}]}', "1.sql": b""}, None)
def test_any_folder_has_a_report(files: dict[str, bytes], framework: Framework | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        (root / "9999_seen").mkdir()
        (root / "9999_seen" / "1.sql").write_bytes(SEEN)
        outcome = lint(LintRequest((root,), framework=framework))
        report = outcome.report
        assert [f.rule for f in report.findings if Path(f.span.file).parent.name == "9999_seen"] == ["drop-table"]
        hold_places(report.findings)
        unread = {
            str(p) for p in root.rglob("*.sql") if p.is_file() and isinstance(decode("x", p.read_bytes()), Unanalysed)
        }
        assert {u.file for u in outcome.unread} == unread
        assert all(write(report) for write in (lint_text, lint_json, lint_sarif))


def hold_places(findings) -> None:
    """Hold that the text at the place of each finding is the text that it shows."""
    for finding in findings:
        span = finding.span
        source = decode(span.file, Path(span.file).read_bytes())
        assert isinstance(source, Source)
        assert source.text[span.start : span.end] == finding.statement
        lines = source.text[: span.start].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert span.line == len(lines)
        assert span.column == len(lines[-1].removeprefix("\ufeff" if len(lines) == 1 else "")) + 1


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.just("1"), lambda inner: inner.map("({})".format) | inner.map("CASE WHEN {} THEN 1 END".format)))
def test_nesting_ends(expression: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "1.sql").write_text(f"ALTER TABLE t ADD CHECK ({expression} > 0);\n")
        hold_places(lint(LintRequest((Path(name),))).report.findings)
