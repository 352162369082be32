"""Findings as JUnit XML, which nearly every CI server shows as test results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.etree import ElementTree as ET

from migrate_safe.model.finding import Finding, LintReport, Severity
from migrate_safe.report.lint_text import summary_line

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def lint_junit(report: LintReport) -> str:
    """Write a report as a suite of one case a finding; a notice is no failure, what was not analysed is an error."""
    cases = [*_cases(report), *_errors(report)]
    if not cases:
        cases = [_case("all files", summary_line(report))]
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": str(len(report.unanalysed))}
    suites = ET.Element("testsuites", {"name": "migrate-safe lint", **counts})
    for file, found in groupby(cases, key=lambda case: case.attrib["classname"]):
        mine = list(found)
        suite = ET.SubElement(suites, "testsuite", {"name": file, **_counted(mine)})
        suite.extend(mine)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}'


def _counted(cases: list[ET.Element]) -> dict[str, str]:
    failures, errors = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error"))
    return {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors)}


def _cases(report: LintReport) -> Iterator[ET.Element]:
    for finding in report.findings:
        span = finding.span
        case = _case(span.file, f"{finding.rule} at {span.line}:{span.column}", line=span.line)
        if finding.severity is Severity.NOTICE:
            ET.SubElement(case, "system-out").text = _clean(_body(finding))
        else:
            told = {"type": str(finding.severity), "message": _clean(finding.message)}
            ET.SubElement(case, "failure", told).text = _clean(_body(finding))
        yield case


def _errors(report: LintReport) -> Iterator[ET.Element]:
    for one in report.unanalysed:
        case = _case(one.file, f"not analysed at {one.line}", line=one.line)
        ET.SubElement(case, "error", {"type": "not analysed", "message": _clean(one.reason)})
        yield case


def _case(file: str, name: str, line: int | None = None) -> ET.Element:
    place = {} if line is None else {"file": _clean(file), "line": str(line)}
    return ET.Element("testcase", {"classname": _clean(file), "name": _clean(name), **place})


def _body(finding: Finding) -> str:
    instead = f"\n\ninstead:\n{finding.safe}" if finding.safe else ""
    return f"{finding.span}: {finding.message}\n\n{finding.statement}{instead}"


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
