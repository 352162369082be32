"""Linting files and folders: each on what those before it left, and nothing lost on the way."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from migrate_safe.app.lint import LintOutcome, LintRequest, lint
from migrate_safe.model.errors import Exit, TryLater, UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.preferences import Preferences
from migrate_safe.model.statement import Wrapping

USERS = "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50));\n"
OFF = (Preferences(disable=("lock-timeout-missing",)),)
LATER = "SET lock_timeout = '1s';\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def rules_in(outcome: LintOutcome) -> list[tuple[str, str]]:
    return [(Path(f.span.file).name, f.rule) for f in outcome.report.findings]


def lint_paths(*paths: Path, **more) -> LintOutcome:
    return lint(LintRequest(paths, **more))


def test_a_file_is_judged_on_what_the_files_before_it_left(tmp_path: Path):
    write(
        tmp_path,
        _1=USERS,
        _2=LATER + "ALTER TABLE users ALTER email TYPE varchar(80);",
        _3=LATER + "ALTER TABLE users ALTER email TYPE varchar(60);",
    )
    assert rules_in(lint_paths(tmp_path)) == [("_3.sql", "column-type-narrower")]
    [finding] = lint_paths(tmp_path / "_3.sql").report.findings
    assert finding.severity is Severity.ERROR
    assert lint_paths(tmp_path / "_2.sql").report.findings == ()


def test_without_a_history_the_worse_is_assumed_and_said(tmp_path: Path):
    write(tmp_path, _2=LATER + "ALTER TABLE users ALTER email TYPE varchar(80);")
    [finding] = lint_paths(tmp_path).report.findings
    assert finding.severity is Severity.WARNING
    assert "is not known" in finding.message


def test_the_schema_that_the_user_names_stands_for_the_history(tmp_path: Path):
    dump = tmp_path / "dump.sql"
    dump.write_text("--\n-- PostgreSQL database dump\n--\n" + USERS)
    changes = tmp_path / "changes"
    changes.mkdir()
    write(changes, _1="DROP TABLE users;", _2=LATER + "ALTER TABLE users ALTER email TYPE varchar(80);")
    outcome = lint_paths(changes / "_2.sql", schema=(str(dump),))
    assert outcome.report.findings == ()
    gone = lint_paths(changes, schema=(str(dump),))
    assert ("_2.sql", "statement-fails") in rules_in(gone)
    assert {f.severity for f in gone.report.findings if f.rule == "statement-fails"} == {Severity.ERROR}


def test_a_folder_can_be_the_schema(tmp_path: Path):
    before, change = tmp_path / "before", tmp_path / "change"
    before.mkdir()
    change.mkdir()
    write(before, _1=USERS, _2="ALTER TABLE users ALTER email TYPE varchar(80);")
    write(change, _1=LATER + "ALTER TABLE users ALTER email TYPE varchar(90);")
    assert lint_paths(change, schema=(str(before),)).report.findings == ()


LEGACY = """
CREATE TABLE base (id int PRIMARY KEY, a int, c int);
CREATE FUNCTION ff() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE VIEW v1 AS SELECT id, c FROM base; CREATE VIEW v2 AS SELECT 1 AS x; CREATE VIEW v3 AS SELECT 1 AS x;
CREATE VIEW v4 AS SELECT 1 AS x; CREATE VIEW v5 AS SELECT * FROM base; CREATE VIEW v6 AS SELECT 1 AS x;
CREATE VIEW v7 AS SELECT 1 AS x; CREATE VIEW v8 AS SELECT * FROM base; CREATE SCHEMA s;
CREATE MATERIALIZED VIEW m1 AS SELECT id FROM base; CREATE UNIQUE INDEX m1_id ON m1 (id);
CREATE MATERIALIZED VIEW m2 AS SELECT id FROM base; CREATE MATERIALIZED VIEW m3 AS SELECT id FROM base;
CREATE SEQUENCE s1; CREATE SEQUENCE s2; CREATE SEQUENCE s3;
CREATE INDEX i1 ON base (a); CREATE INDEX i2 ON base (a); CREATE INDEX i3 ON base (a);
"""
"""What a history does not make, for it begins in the middle."""
ALTERED = """
ALTER VIEW v1 ALTER COLUMN c SET DEFAULT 5; DROP VIEW v1;
ALTER VIEW v2 OWNER TO CURRENT_USER; CREATE OR REPLACE VIEW v2 AS SELECT 1 AS x;
ALTER VIEW v3 RENAME TO v3b; DROP VIEW v3b; CREATE VIEW v3b AS SELECT 1 AS x; CREATE VIEW v3 AS SELECT 2 AS y;
ALTER VIEW v4 SET (security_barrier = true); CREATE OR REPLACE VIEW v4 AS SELECT 1 AS x;
COMMENT ON VIEW v5 IS 'x';
CREATE TRIGGER tt INSTEAD OF INSERT ON v5 FOR EACH ROW EXECUTE FUNCTION ff();
ALTER TABLE v8 ALTER COLUMN c SET DEFAULT 5;
CREATE TRIGGER tt INSTEAD OF INSERT ON v8 FOR EACH ROW EXECUTE FUNCTION ff(); COMMENT ON VIEW v8 IS 'x';
ALTER TABLE v6 OWNER TO CURRENT_USER; DROP VIEW v6;
ALTER TABLE v7 RENAME TO v7b; ALTER VIEW v7b SET SCHEMA s; CREATE OR REPLACE VIEW s.v7b AS SELECT 1 AS x;
ALTER MATERIALIZED VIEW m1 SET (fillfactor = 70); REFRESH MATERIALIZED VIEW CONCURRENTLY m1;
ALTER MATERIALIZED VIEW m1 RENAME TO m1b; DROP MATERIALIZED VIEW m1b;
CREATE UNIQUE INDEX CONCURRENTLY m2_id ON m2 (id); REFRESH MATERIALIZED VIEW CONCURRENTLY m2;
ALTER TABLE m3 OWNER TO CURRENT_USER; COMMENT ON MATERIALIZED VIEW m3 IS 'x'; REFRESH MATERIALIZED VIEW m3;
ALTER TABLE s1 OWNER TO CURRENT_USER; ALTER SEQUENCE s1 AS bigint; SELECT nextval('s1');
ALTER TABLE s2 RENAME TO s2b; SELECT setval('s2b', 7); COMMENT ON SEQUENCE s2b IS 'x'; DROP SEQUENCE s2b;
ALTER TABLE s3 OWNER TO CURRENT_USER; GRANT USAGE ON SEQUENCE s3 TO PUBLIC;
ALTER INDEX i1 SET (fillfactor = 70); COMMENT ON INDEX i1 IS 'x'; REINDEX INDEX CONCURRENTLY i1;
DROP INDEX CONCURRENTLY i1; CREATE INDEX CONCURRENTLY i1 ON base (c);
ALTER TABLE i2 RENAME TO i2b; DROP INDEX CONCURRENTLY i2b;
ALTER INDEX i3 RENAME TO i3b; ALTER INDEX i3b SET (fillfactor = 70); CREATE INDEX CONCURRENTLY i3 ON base (c);
"""


def test_what_the_history_does_not_make_is_what_statements_take_it_for(tmp_path: Path, database, connect):
    with connect(database) as connection:
        connection.execute(LEGACY)
        for statement in filter(str.strip, ALTERED.split(";")):
            connection.execute(statement)
    first, *later = ALTERED.strip().splitlines()
    write(tmp_path, _1=USERS, **{f"_{i}": f"-- {i}\n{text}" for i, text in enumerate([first, *later], 2)})
    for how in (Wrapping.STATEMENT, None):
        found = lint_paths(tmp_path, wrapping=how, version=18).report
        assert [(f.message, f.statement) for f in found.findings if f.rule == "statement-fails"] == []
    assert not found.unanalysed


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE x ADD COLUMN a int; DROP VIEW x;",
        "ALTER TABLE x ADD CONSTRAINT c CHECK (a > 0); ALTER VIEW x RENAME TO y;",
        "CREATE TABLE x (id int); ALTER SEQUENCE x AS bigint;",
    ],
)
def test_what_statements_show_to_be_a_table_is_no_other(tmp_path: Path, text: str):
    write(tmp_path, _1=USERS, _2=text)
    assert ("_2.sql", "statement-fails") in rules_in(lint_paths(tmp_path))


def test_a_dump_without_data_does_not_tell_what_materialized_views_hold(tmp_path: Path):
    dump, changes = tmp_path / "dump.sql", tmp_path / "changes"
    changes.mkdir()
    head = "--\n-- PostgreSQL database dump\n--\n"
    made = "CREATE MATERIALIZED VIEW {0} AS SELECT 1 AS id WITH NO DATA; CREATE UNIQUE INDEX {0}i ON {0} (id);"
    text = head + made.format("m") + made.format("n")
    write(changes, _1="REFRESH MATERIALIZED VIEW CONCURRENTLY m;\nSELECT * FROM n;")
    dump.write_text(text)
    assert "statement-fails" not in {r for _, r in rules_in(lint_paths(changes, schema=(str(dump),)))}
    dump.write_text(f"{text}\nREFRESH MATERIALIZED VIEW m;\n")  # of a dump with data
    found = lint_paths(changes, schema=(str(dump),)).report.findings
    assert [f.span.line for f in found if f.rule == "statement-fails"] == [2]


def test_a_server_can_be_the_schema_and_tells_its_version(tmp_path: Path, server, database, connect):
    with connect(database) as connection:
        connection.execute(USERS + "ALTER TABLE users ADD note text")
    write(tmp_path, _9=LATER + "ALTER TABLE users ALTER email TYPE varchar(80), ALTER note SET NOT NULL;")
    [finding] = lint_paths(tmp_path, schema=(database,)).report.findings
    assert finding.rule == "set-not-null-scan"
    assert ("NOT NULL note NOT VALID" in finding.safe) is (server.version >= 18)


def test_a_server_that_does_not_answer(tmp_path: Path):
    write(tmp_path, _1=USERS)
    with pytest.raises(TryLater):
        lint_paths(tmp_path, schema=("postgresql://127.0.0.1:1/nowhere",))


@pytest.mark.parametrize("source", ["nowhere.sql", "binary.sql"])
def test_a_schema_that_cannot_be_read_is_an_error(tmp_path: Path, source):
    write(tmp_path, _1=USERS)
    (tmp_path / "binary.sql").write_bytes(b"\0\1")
    with pytest.raises(UsageError):
        lint_paths(tmp_path / "_1.sql", schema=(str(tmp_path / source),))


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path):
    write(tmp_path, _1=USERS, _3="DROP TABLE users;")
    (tmp_path / "_2.sql").write_bytes(b"SELECT 1;\n\xff")
    outcome = lint_paths(tmp_path)
    assert ("_3.sql", "drop-table") in rules_in(outcome)
    assert [(Path(u.file).name, u.line) for u in outcome.report.unanalysed] == [("_2.sql", 2)]
    assert outcome.report.files == 3
    assert outcome.exit_code() is Exit.USAGE


def test_what_is_not_understood_is_listed_and_counted(tmp_path: Path):
    write(tmp_path, _1="SELEC 1;\n\\i other.sql\nSELECT 1;")
    report = lint_paths(tmp_path).report
    assert [u.line for u in report.unanalysed] == [1, 2]
    assert report.statements == 3


def test_ways_back_are_judged_as_ways_back(tmp_path: Path):
    added = "ALTER TABLE users ADD COLUMN age int, ADD COLUMN size int;"
    up = f"{added} SET lock_timeout = 0; CREATE INDEX CONCURRENTLY users_age ON users (age);"
    down = "DROP INDEX users_age; ALTER TABLE users DROP COLUMN size;"
    write(tmp_path, **{"1.up": USERS, "2.up": LATER + up, "2.down": LATER + down})
    assert rules_in(lint_paths(tmp_path, wrapping=Wrapping.STATEMENT)) == [("2.down.sql", "index-drop-not-concurrent")]


def test_a_way_back_in_the_same_file_runs_later_on_tables_in_use(tmp_path: Path):
    write(
        tmp_path, _1=f"-- +goose NO TRANSACTION\n-- +goose Up\n{LATER}{USERS}-- +goose Down\n{LATER}VACUUM FULL users;"
    )
    assert rules_in(lint_paths(tmp_path)) == [("_1.sql", "vacuum-full")]


def test_if_not_exists_makes_a_new_table_where_the_history_does_not_know_it(tmp_path: Path):
    made = "CREATE TABLE IF NOT EXISTS orders (id int); CREATE INDEX orders_id ON orders (id);"
    alone, among, begun = tmp_path / "alone", tmp_path / "among", tmp_path / "begun"
    for folder in (alone, among, begun):
        folder.mkdir()
    write(alone, _1=LATER + made)
    write(begun, _1=LATER + made, _0="CREATE SCHEMA s;")
    write(
        among,
        _1=USERS,
        _2=LATER + made,
        _3=LATER + made.replace("orders_id ON orders (id)", "other ON orders (id DESC)"),
    )
    assert rules_in(lint_paths(alone)) == [("_1.sql", "index-not-concurrent")]
    assert rules_in(lint_paths(begun)) == []
    assert rules_in(lint_paths(among)) == [("_3.sql", "index-not-concurrent")]


@pytest.mark.parametrize(
    ("fail_on", "code"), [(Severity.ERROR, Exit.OK), (Severity.WARNING, Exit.FAILED), (Severity.NOTICE, Exit.FAILED)]
)
def test_the_exit_code_follows_the_least_severity_that_counts(tmp_path: Path, fail_on, code):
    write(tmp_path, _1="DROP TABLE users;")
    assert lint_paths(tmp_path).exit_code(fail_on) is code


def test_rules_can_be_switched_off_and_weighed(tmp_path: Path):
    write(tmp_path, _1="DROP TABLE users; ALTER TABLE t RENAME a TO b;")
    said = Preferences(disable=("locks", "drop-table"), severity={"rename-column": Severity.NOTICE})
    [finding] = lint_paths(tmp_path, preferences=(said,)).report.findings
    assert (finding.rule, finding.severity) == ("rename-column", Severity.NOTICE)


@pytest.mark.parametrize("more", [{"disable": ("drop-tabel",)}, {"severity": {"drop-tabel": Severity.ERROR}}])
def test_a_rule_that_is_not_there_is_an_error(tmp_path: Path, more):
    write(tmp_path, _1=USERS)
    with pytest.raises(UsageError, match='no rule or theme "drop-tabel"') as caught:
        lint_paths(tmp_path, preferences=(Preferences(**more),))
    assert '"drop-table"' in caught.value.next_move


OWN_RULE = """
title: Names say what they hold
harm: Nobody knows what is in it.
when: {action: create-table}
severity: notice
message: "{table} is made."
manual: https://example.org
examples:
  - bad: CREATE TABLE t ();
    message: t is made.
"""


def test_rules_of_ones_own_run_beside_those_of_the_tool(tmp_path: Path):
    own = tmp_path / "own" / "naming"
    own.mkdir(parents=True)
    (own / "table-made.yaml").write_text(OWN_RULE)
    migrations = tmp_path / "db"
    migrations.mkdir()
    write(migrations, _1="CREATE TABLE t (); DROP TABLE u;")
    found = rules_in(lint_paths(migrations, rules=tmp_path / "own", preferences=OFF))
    assert found == [("_1.sql", "table-made"), ("_1.sql", "drop-table")]


def test_a_name_without_a_number_asks_for_no_other_file(tmp_path: Path):
    write(tmp_path, _1=USERS, fix="ALTER TABLE users ALTER email TYPE varchar(80);")
    (tmp_path / "_2.sql").write_bytes(b"\xff")
    outcome = lint_paths(tmp_path / "fix.sql")
    assert outcome.unread == ()
    assert ("fix.sql", "column-type-rewrite") in rules_in(outcome)
    assert [Path(u.file).name for u in lint_paths(tmp_path / "_1.sql", tmp_path / "fix.sql").unread] == []


def test_standard_input(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"DROP TABLE users;")))
    assert ("<stdin>", "drop-table") in rules_in(lint_paths(Path("-")))


def test_of_a_file_with_too_many_statements_the_first_are_judged_and_the_rest_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("migrate_safe.app.lint.MOST", 3)
    write(tmp_path, _1=f"{USERS}DROP TABLE old;\nSELECT 1;\nDROP TABLE b;\nDROP TABLE c;\n", _2="DROP TABLE users;")
    outcome = lint_paths(tmp_path, preferences=OFF)
    assert rules_in(outcome) == [("_1.sql", "drop-table"), ("_1.sql", "unknown-statement"), ("_2.sql", "drop-table")]
    assert outcome.report.findings[1].span.line == 4
    [untold] = outcome.report.unanalysed
    assert untold.line == 4
    assert "more than 3 statements, and of what comes from line 4 on nothing was read" in untold.reason
    write(tmp_path, _1=f"{USERS}DROP TABLE old;\nSELECT 1;\n-- that is all\n")
    assert lint_paths(tmp_path).report.unanalysed == ()
