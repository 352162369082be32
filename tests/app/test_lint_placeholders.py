"""What runners put in the place of names: values that are known are used, and names without one hide nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.app.lint import LintRequest, lint
from migrate_safe.model.finding import Finding, LintReport
from migrate_safe.model.preferences import Preferences

OFF = (Preferences(disable=("lock-timeout-missing", "several-tables-locked")),)
MADE = "create table app.t (id int primary key, a int);\n"


@pytest.fixture
def report(tmp_path: Path):
    """Lint files of a repository, with values for names."""
    (tmp_path / ".git").mkdir()

    def ask(files: dict[str, str], **values: str) -> LintReport:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        request = LintRequest((tmp_path,), preferences=OFF, placeholders=tuple(values.items()))
        return lint(request).report

    return ask


def rules(found: tuple[Finding, ...]) -> list[tuple[int, str, str | None]]:
    return [(f.span.line, f.rule, f.relation) for f in found]


CHANGED = "alter table ${schema}.t alter a set not null;\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flyway.conf", "# a\nflyway.placeholders.schema=app\n"),
        ("conf/flyway.toml", '[flyway.placeholders]\nschema = "app"\n'),
        ("application.properties", "spring.flyway.placeholders.schema = app\n"),
        ("application.yml", "a: 1\n---\nspring:\n  flyway:\n    placeholders:\n      schema: app\n      n: 2\n"),
        ("application.yaml", "spring.flyway:\n  placeholders.schema: app\n"),
    ],
)
def test_flyway_s_own_settings_tell(report, name: str, text: str):
    files = {"V1__a.sql": MADE.replace("app", "${schema}"), "V2__b.sql": CHANGED}
    assert rules(report({**files, name: text}).findings) == [(1, "set-not-null-scan", "app.t")]


@pytest.mark.parametrize(
    "text",
    [
        "spring: {flyway: {placeholders: {schema: '${DB_SCHEMA:app}'}}}\n",
        "spring: {flyway: {placeholders: [schema]}}\n",
        "spring:\n\tflyway: {placeholders: {schema: app}}\n",
        "spring: {flyway: {placeholders: !vault {schema: app}}}\n",
    ],
    ids=["open", "no table", "no YAML", "an unknown tag"],
)
def test_what_spring_does_not_tell_here_has_no_value(report, text: str):
    files = {"V1__a.sql": MADE, "V2__b.sql": CHANGED, "application.yml": text}
    assert [f.rule for f in report(files).findings] == ["unknown-statement"]


def test_a_value_that_is_given_counts_first(report):
    files = {"V1__a.sql": MADE, "V2__b.sql": CHANGED, "flyway.conf": "flyway.placeholders.schema=other\n"}
    assert rules(report(files, schema="app").findings) == [(1, "set-not-null-scan", "app.t")]


def test_without_a_value_it_is_said_how_to_give_one_and_the_rest_is_judged(report):
    text = f"-- ${{no}} matter\n{CHANGED}drop table x;\ninsert into app.t values (1, '${{a}}');\nselect $$ ${{b}} $$;\n"
    found = report({"V1__a.sql": MADE, "V2__b.sql": text})
    assert rules(found.findings) == [(2, "unknown-statement", None), (3, "drop-table", "public.x")]
    assert (
        "${schema} has no value; give one: --placeholder schema=VALUE, or [placeholders]" in found.findings[0].message
    )
    assert [u.line for u in found.unanalysed] == [2]


def test_places_are_those_of_the_file(report):
    text = "select '${long}'; drop table ${schema}.t; drop table ${schema}.u;\ndrop table ${long}.v;"
    found = report({"V1__a.sql": text}, long="x" * 50, schema="a").findings
    places = [(f.relation, f.span.start, f.span.end, f.span.column, f.span.end_column) for f in found]
    assert places[:2] == [("a.t", 18, 40, 19, 41), ("a.u", 42, 64, 43, 65)]
    assert [text[f.span.start : f.span.end] for f in found] == [
        "drop table ${schema}.t",
        "drop table ${schema}.u",
        "drop table ${long}.v",
    ]


PSQL = r"""\set tbl orders
alter table :tbl add column b int;
alter table :"tbl" alter b set not null;
select a::int, x[1:2], ':tbl', :'tbl' from orders; -- :tbl
drop table :other;
"""


def test_psql_s_variables(report):
    found = report({"1.sql": PSQL})
    assert [f[:2] for f in rules(found.findings)] == [(3, "set-not-null-scan"), (5, "unknown-statement")]
    assert found.findings[0].relation == "public.orders"
    assert ":other has no value; give one: --placeholder other=VALUE" in found.findings[1].message
    assert rules(report({"1.sql": PSQL}, other="far").findings)[-1] == (5, "drop-table", "public.far")


def test_goose_knows_values_where_it_is_told_to_look_for_them(report):
    text = "-- +goose Up\nalter table app.t alter a set default '${A}';\ndrop table ${T:-x};\n"
    on = text.replace("Up\n", "Up\n-- +goose ENVSUB ON\n")
    assert [r for _, r, _ in rules(report({"1_a.sql": MADE, "2_b.sql": text}).findings)] == [
        "statement-fails",
        "syntax-error",
    ]
    assert rules(report({"1_a.sql": MADE, "2_b.sql": on}).findings) == [
        (3, "unknown-statement", None),
        (4, "drop-table", "public.x"),
    ]
    assert rules(report({"1_a.sql": MADE, "2_b.sql": on}, A="7").findings) == [(4, "drop-table", "public.x")]


LIQUIBASE = """--liquibase formatted sql
--changeset a:1
create table t (id int primary key, a int);
--changeset a:2 splitStatements:false endDelimiter:/
do $$ begin alter table t alter a set not null; end $$
/
do $$ begin drop table old; end $$
/
--changeset a:3 endDelimiter:\\n@@
create function f() returns int language sql as 'select 4 / 2';
@@
--changeset a:4
drop table t;
"""


def test_liquibase_s_delimiters(report):
    found = report({"1.sql": LIQUIBASE})
    assert found.unanalysed == ()
    assert rules(found.findings) == [(7, "drop-table", "public.old")]


def test_a_dollar_elsewhere_is_no_name(report):
    found = report({"1.sql": "insert into x values ('${a}', ':b', '12:30');\nselect 'a' || $${c}$$;\nselect 1 :: int;"})
    assert (found.findings, found.unanalysed) == ((), ())
