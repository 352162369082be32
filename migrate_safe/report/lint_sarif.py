"""Findings as SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.report.identity import fingerprints
from migrate_safe.report.sarif import Json, sarif_location, sarif_log
from migrate_safe.rulebook.compiled import compiled_beside, rules_of
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import bundled_rules

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def lint_sarif(report: LintReport) -> str:
    """Write a report as a SARIF log of one run; what could not be analysed is among its notifications."""
    rules = sorted({finding.rule for finding in report.findings})
    results = [
        _result(finding, rules.index(finding.rule), mark)
        for finding, mark in zip(report.findings, fingerprints(report.findings), strict=True)
    ]
    return sarif_log(
        [_descriptor(rule) for rule in rules],
        results,
        [_notification(one) for one in report.unanalysed],
        whole=not report.unanalysed,
    )


def _descriptor(name: str) -> Json:
    """Tell of a rule; platforms show its title and harm above what it found. Of rules of the user's own: the name."""
    rule = _bundled().get(name)
    told: Json = {"id": name, "help": {"text": f"migrate-safe explain {name}"}}
    if rule is None:
        return {**told, "shortDescription": {"text": name}, "fullDescription": {"text": name}}
    return {
        **told,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.harm.strip()},
        "helpUri": rule.manual,
    }


@cache
def _bundled() -> Mapping[str, Rule]:
    folder = bundled_rules()
    compiled = compiled_beside(folder)
    rules = load_rules(folder) if compiled is None else rules_of(folder, compiled)
    return {rule.id: rule for rule in rules}


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
