"""Findings as Markdown for a comment on a pull request, cut to what a comment may hold."""

from __future__ import annotations

from migrate_safe.model.finding import Finding, LintReport, Severity
from migrate_safe.report.excerpt import clip, printable, printable_lines
from migrate_safe.report.lint_text import summary_line
from migrate_safe.report.markdown import LIMIT, code, escaped, fenced, within

_STATEMENT_LINES = 12


def lint_markdown(report: LintReport, *, limit: int = LIMIT) -> str:
    """Write a report of at most `limit` characters: the worst findings first, and how many had no room."""
    head = f"### migrate-safe: {escaped(summary_line(report).partition(';')[0])}\n"
    ordered = sorted(report.findings, key=lambda f: f.severity.rank)
    blocks = [*(_block(f) for f in ordered), *(_unanalysed(u.file, u.line, u.reason) for u in report.unanalysed)]
    return within(head, blocks, limit, "migrate-safe lint")


def _block(finding: Finding) -> str:
    mark = {Severity.ERROR: "**error**", Severity.WARNING: "**warning**", Severity.NOTICE: "notice"}[finding.severity]
    lines = printable_lines(finding.statement)
    shown = [clip(line, 200) for line in lines[:_STATEMENT_LINES]]
    shown += ["-- ..."] if len(lines) > _STATEMENT_LINES else []
    text = f"{mark} {code(finding.rule)} {code(str(finding.span))}\n\n{escaped(finding.message)}\n\n"
    text += fenced("\n".join(shown))
    return text + (f"\nInstead:\n\n{fenced(chr(10).join(printable_lines(finding.safe)))}" if finding.safe else "")


def _unanalysed(file: str, line: int, reason: str) -> str:
    return f"**not analysed** {code(f'{file}:{line}')}: {escaped(printable(reason))}\n"
