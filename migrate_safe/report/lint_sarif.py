"""Findings as SARIF 2.1.0."""

from __future__ import annotations

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.report.identity import fingerprints
from migrate_safe.report.sarif import Json, sarif_location, sarif_log

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def lint_sarif(report: LintReport) -> str:
    """Write a report as a SARIF log of one run; what could not be analysed is among its notifications."""
    rules = sorted({finding.rule for finding in report.findings})
    results = [
        _result(finding, rules.index(finding.rule), mark)
        for finding, mark in zip(report.findings, fingerprints(report.findings), strict=True)
    ]
    return sarif_log(
        {rule: f"migrate-safe explain {rule}" for rule in rules},
        results,
        [_notification(one) for one in report.unanalysed],
        whole=not report.unanalysed,
    )


def _result(finding: Finding, rule: int, mark: str) -> Json:
    span = finding.span
    region: Json = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
        "snippet": {"text": finding.statement},
    }
    text = finding.message + (f"\n\nInstead:\n{finding.safe}" if finding.safe else "")
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [sarif_location(span.file, region)],
        "partialFingerprints": {"migrateSafe/v1": mark},
    }


def _notification(one: Unanalysed) -> Json:
    return {
        "level": "error",
        "message": {"text": f"not analysed: {one.reason}"},
        "locations": [sarif_location(one.file, {"startLine": one.line})],
    }
