"""Findings for machines: `migrate-safe/lint/1`, whose JSON Schema ships beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from migrate_safe.model.finding import Finding, LintReport, Severity
from migrate_safe.report.counts import count_severities
from migrate_safe.report.file_names import shown

FORMAT = "migrate-safe/lint/1"


def lint_json(report: LintReport) -> str:
    """Write a report as JSON. Lines and columns count from 1; an end is the first character after the statement."""
    return msgspec.json.format(msgspec.json.encode(lint_data(report)), indent=2).decode()


def lint_data(report: LintReport) -> dict[str, object]:
    """Give a report as the plain mappings and lists of its JSON."""
    counts, name = count_severities(report.findings), cache(shown)
    return {
        "format": FORMAT,
        "findings": [_finding(finding, name(finding.span.file)) for finding in report.findings],
        "unanalysed": [{"file": shown(u.file), "line": u.line, "reason": u.reason} for u in report.unanalysed],
        "summary": {
            "files": report.files,
            "frameworks": dict(sorted(report.frameworks.items())),
            "statements": report.statements,
            "unanalysed": len(report.unanalysed),
            "errors": counts[Severity.ERROR],
            "warnings": counts[Severity.WARNING],
            "notices": counts[Severity.NOTICE],
            "suppressed": report.suppressed,
            "baselined": report.baselined,
        },
    }


def lint_schema_path() -> Path:
    """Find the JSON Schema of the format."""
    return Path(__file__).parent / "schemas" / "lint-1.json"


def _finding(finding: Finding, file: str) -> dict[str, object]:
    span = finding.span
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "file": file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "message": finding.message,
        "relation": finding.relation,
        "statement": finding.statement,
        "effects": list(finding.effects),
        "safe": finding.safe,
        "fixable": finding.fixable,
    }
