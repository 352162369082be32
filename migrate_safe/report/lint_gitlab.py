"""Findings as GitLab's code quality report, shown in the diff of a merge request.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.report.file_names import shown
from migrate_safe.report.identity import fingerprints

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTICE: "info"}


def lint_gitlab(report: LintReport) -> str:
    """Write a report as a list of issues; what could not be analysed is one of them."""
    marks = fingerprints(report.findings)
    issues = [_issue(finding, mark) for finding, mark in zip(report.findings, marks, strict=True)]
    return json.dumps([*issues, *map(_unanalysed, report.unanalysed)], indent=2, ensure_ascii=False)


def _issue(finding: Finding, mark: str) -> dict[str, object]:
    return {
        "check_name": finding.rule,
        "description": finding.message,
        "content": {"body": f"Instead:\n\n```sql\n{finding.safe}\n```" if finding.safe else finding.message},
        "fingerprint": mark,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": shown(finding.span.file),
            "lines": {"begin": finding.span.line, "end": finding.span.end_line},
        },
    }


def _unanalysed(one: Unanalysed) -> dict[str, object]:
    said = f"{one.file}:{one.line}: {one.reason}"
    return {
        "check_name": "not-analysed",
        "description": f"not analysed: {one.reason}",
        "fingerprint": hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest(),
        "severity": "major",
        "location": {"path": shown(one.file), "lines": {"begin": one.line}},
    }
