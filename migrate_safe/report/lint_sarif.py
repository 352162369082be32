"""Findings as SARIF 2.1.0, which code scanning platforms read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.report.identity import fingerprints
from migrate_safe.rulebook.compiled import compiled_beside, rules_of
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import bundled_rules

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
_NOT_IN_URI = re.compile(rb"[^A-Za-z0-9_.~/-]")
_ROOT = "%SRCROOT%"


def lint_sarif(report: LintReport) -> str:
    """Write a report as a SARIF log of one run; what could not be analysed is among its notifications."""
    rules = sorted({finding.rule for finding in report.findings})
    run = {
        "tool": {
            "driver": {
                "name": "migrate-safe",
                "semanticVersion": version("migrate-safe"),
                "rules": [_descriptor(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.unanalysed,
                "toolExecutionNotifications": [_notification(one) for one in report.unanalysed],
            }
        ],
        "results": [
            _result(finding, rules.index(finding.rule), mark)
            for finding, mark in zip(report.findings, fingerprints(report.findings), strict=True)
        ],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _descriptor(name: str) -> dict[str, object]:
    """Tell of a rule; platforms show its title and harm above what it found. Of rules of the user's own: the name."""
    rule = _bundled().get(name)
    told = {"id": name, "help": {"text": f"migrate-safe explain {name}"}}
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


def _result(finding: Finding, rule: int, mark: str) -> dict[str, object]:
    span = finding.span
    region = {
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
        "locations": [_location(span.file, region)],
        "partialFingerprints": {"migrateSafe/v1": mark},
    }


def _notification(one: Unanalysed) -> dict[str, object]:
    return {
        "level": "error",
        "message": {"text": f"not analysed: {one.reason}"},
        "locations": [_location(one.file, {"startLine": one.line})],
    }


def _uri(file: str) -> str:
    return _NOT_IN_URI.sub(lambda found: b"%%%02X" % ord(found[0]), file.encode("utf-8", "surrogateescape")).decode(
        "ascii"
    )


def _location(file: str, region: dict[str, object]) -> dict[str, object]:
    artifact = {"uri": _uri(file)}
    if not file.startswith("/"):
        artifact["uriBaseId"] = _ROOT
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
