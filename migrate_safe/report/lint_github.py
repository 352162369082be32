"""Findings as GitHub annotations: workflow commands that put them on the changed lines of a pull request."""

from __future__ import annotations

from migrate_safe.model.finding import Finding, LintReport
from migrate_safe.report.file_names import shown
from migrate_safe.report.lint_text import summary_line


def lint_github(report: LintReport) -> str:
    """Write one workflow command for each finding and each thing that could not be analysed.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    lines = [_annotation(finding) for finding in report.findings]
    lines += [
        f"::warning file={_property(shown(u.file))},line={u.line},title=not analysed::{_data(u.reason)}"
        for u in report.unanalysed
    ]
    return "\n".join([*lines, summary_line(report)]) + "\n"


def _annotation(finding: Finding) -> str:
    span = finding.span
    place = f"file={_property(shown(span.file))},line={span.line},endLine={span.end_line},col={span.column}"
    if span.end_line == span.line:
        place += f",endColumn={span.end_column}"
    text = finding.message + (f"\n\nInstead:\n{finding.safe}" if finding.safe else "")
    return f"::{finding.severity} {place},title={_property(finding.rule)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
