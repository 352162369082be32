"""Findings as Markdown for a comment on a pull request, cut to what a comment may hold."""

from __future__ import annotations

import re

from migrate_safe.model.finding import Finding, LintReport, Severity
from migrate_safe.report.excerpt import clip, printable, printable_lines
from migrate_safe.report.lint_text import summary_line

LIMIT = 60_000
"""Characters; GitHub takes 65,536 in a comment, GitLab 1,000,000."""

_STATEMENT_LINES = 12
_MARKS = re.compile(r"([\\`*_\[\]<>|~&#])")


def lint_markdown(report: LintReport, *, limit: int = LIMIT) -> str:
    """Write a report of at most `limit` characters: the worst findings first, and how many had no room."""
    head = f"### migrate-safe: {_escaped(summary_line(report).partition(';')[0])}\n"
    ordered = sorted(report.findings, key=lambda f: f.severity.rank)
    blocks = [*(_block(f) for f in ordered), *(_unanalysed(u.file, u.line, u.reason) for u in report.unanalysed)]
    room = limit - len(head) - len(_more(len(blocks)))
    written = [head]
    for number, block in enumerate(blocks):
        room -= len(block) + 1
        if room < 0:
            written.append(_more(len(blocks) - number))
            break
        written.append(block)
    return "\n".join(written)


def _block(finding: Finding) -> str:
    mark = {Severity.ERROR: "**error**", Severity.WARNING: "**warning**", Severity.NOTICE: "notice"}[finding.severity]
    lines = printable_lines(finding.statement)
    shown = [clip(line, 200) for line in lines[:_STATEMENT_LINES]]
    shown += ["-- ..."] if len(lines) > _STATEMENT_LINES else []
    text = f"{mark} {_code(finding.rule)} {_code(str(finding.span))}\n\n{_escaped(finding.message)}\n\n"
    text += _fenced("\n".join(shown))
    return text + (f"\nInstead:\n\n{_fenced(chr(10).join(printable_lines(finding.safe)))}" if finding.safe else "")


def _unanalysed(file: str, line: int, reason: str) -> str:
    return f"**not analysed** {_code(f'{file}:{line}')}: {_escaped(printable(reason))}\n"


def _more(count: int) -> str:
    return f"{count} more had no room here: run `migrate-safe lint` to see all.\n"


def _fenced(sql: str) -> str:
    longest = max((len(run) for run in re.findall("`+", sql)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{sql}\n{fence}\n"


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39))}`"


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", printable(text))
