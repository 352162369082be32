"""The engine: which rule speaks, how often, and what comments silence."""

from __future__ import annotations

from datetime import date

import pytest

from migrate_safe.app.lint import lint_source
from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.effect import Session
from migrate_safe.model.finding import Finding, Severity
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.values import replace
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.match import SHARED, Bench, judge, judgement
from migrate_safe.sql.parse import parse_script

RULES = load_rules()


def findings(sql: str) -> tuple[Finding, ...]:
    return lint_source(Source("x.sql", f"SET lock_timeout = '1s';\n{sql}"), today=date(2026, 6, 30))


def names(sql: str) -> list[str]:
    return [f.rule for f in findings(sql)]


def test_findings_come_in_the_order_of_the_file_the_worst_of_a_statement_first():
    found = lint_source(Source("x.sql", "DROP TABLE a;\nCREATE INDEX i ON b (c);"))
    assert [(f.span.line, f.rule) for f in found] == [
        (1, "drop-table"),
        (1, "lock-timeout-missing"),
        (2, "index-not-concurrent"),
    ]
    assert str(found[2].span) == "x.sql:2:1"
    assert found[2].relation == "public.b"
    assert found[2].effects == ("SHARE on public.b", "scans public.b", "builds an index on public.b")
    assert found[2].fixable is True


def test_each_action_of_a_statement_is_judged_by_itself():
    sql = "ALTER TABLE t ADD COLUMN a int, ADD CHECK (b > 0), ADD COLUMN c uuid DEFAULT gen_random_uuid() UNIQUE;"
    found = findings(sql)
    assert [f.rule for f in found] == ["add-check-scan", "add-column-rewrite", "constraint-builds-index"]
    assert not any(f.fixable for f in found)
    assert found[0].safe.startswith("-- in place of this one action of the statement:\n")


def test_a_statement_that_is_cheap_beside_a_dear_one_is_not_blamed():
    assert names("ALTER TABLE t ADD COLUMN a int DEFAULT 1, ADD COLUMN b bigserial;") == ["add-serial-column"]


def test_each_table_of_a_statement_is_judged_by_itself():
    assert names("CREATE TABLE a (i int); DROP TABLE a, b, c;") == ["drop-table", "drop-table"]


def test_a_rule_that_speaks_once_speaks_of_the_first():
    found = lint_source(Source("x.sql", "ALTER TABLE t ADD COLUMN a int; ALTER TABLE u ADD COLUMN a int;"))
    assert [(f.rule, f.relation) for f in found] == [("lock-timeout-missing", "public.t")]


def test_the_statement_inside_a_do_block_is_shown():
    found = findings("DO $$\nBEGIN\n  CREATE INDEX i ON t (a);\nEND $$;")
    assert [(f.rule, f.span.line, f.statement) for f in found] == [
        ("index-not-concurrent", 4, "CREATE INDEX i ON t (a)")
    ]


def test_the_same_words_for_both_ways_of_asking():
    script = parse_script(Source("x.sql", "DROP TABLE a;"))
    analysed = analyse(script, Schema())
    assert judge(analysed, script, RULES) == judgement(analysed, script, RULES).findings


def test_a_generated_column_of_the_old_name_lets_old_readers_live():
    mirror = "ALTER TABLE t ADD COLUMN a text GENERATED ALWAYS AS (b) STORED"
    assert "rename-column" not in names(f"ALTER TABLE t RENAME a TO b; {mirror};")
    assert "rename-column" in names(f"ALTER TABLE t RENAME a TO b; {mirror.replace('(b)', '(c)')};")


def test_a_constraint_may_be_written_before_the_column_that_it_needs():
    added = "ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0), ADD UNIQUE (b), ADD COLUMN b int DEFAULT 1;"
    schema = fold(Schema(), parse_script(Source("1.sql", "CREATE TABLE t (a int);")))
    found = [f.rule for f in lint_source(Source("2.sql", added), schema)]
    assert sorted(found) == ["add-check-scan", "constraint-builds-index", "lock-timeout-missing"]


def test_held_are_the_tables_and_not_what_is_gone_with_its_lock():
    before = "CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE);"
    done = "BEGIN; ALTER TABLE t DROP CONSTRAINT t_a_key; UPDATE t SET a = 1; COMMIT;"
    schema = fold(Schema(), parse_script(Source("1.sql", before)))
    (found,) = (f for f in lint_source(Source("2.sql", done), schema) if f.rule == "work-while-locked")
    assert "still holds ACCESS EXCLUSIVE on t from before" in found.message


def test_a_table_that_a_do_block_makes_is_its_own_affair():
    made = "CREATE TABLE new (a int); ALTER TABLE new ADD CHECK (a > 0); ALTER TABLE new RENAME TO newer;"
    assert names(f"DO $$ BEGIN {made} END $$;") == []


# ---- suppression -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "-- migrate-safe: ignore drop-table: gone since v41\nDROP TABLE a;",
        "DROP TABLE a; -- migrate-safe: ignore drop-table: gone since v41",
        "-- migrate-safe: ignore drop-table, statement-fails: gone\nDROP TABLE a, a;",
        "/* migrate-safe: ignore drop-table: gone since v41 */ DROP TABLE a;",
        "-- migrate-safe: ignore-file drop-table: this app is retired\nDROP TABLE a; DROP TABLE b;",
        "-- migrate-safe: ignore compat: gone since v41\nDROP TABLE a;",
        "-- migrate-safe: ignore drop-table until 2026-06-30: gone since v41\nDROP TABLE a;",
        "-- migrate-safe: ignore  drop-table ,data-loss  until  2026-06-30 : gone\nDROP TABLE a;",
        "-- migrate-safe: ignore drop-table until 2026-06-30: until v42: then gone\nDROP TABLE a;",
    ],
)
def test_a_reason_silences_a_finding(sql):
    assert "drop-table" not in names(sql)


def test_a_comment_speaks_of_its_own_statement_only():
    sql = "-- migrate-safe: ignore drop-table: gone\nDROP TABLE a;\nDROP TABLE b;"
    assert [(f.rule, f.relation) for f in findings(sql)] == [("drop-table", "public.b")]


@pytest.mark.parametrize(
    ("comment", "rule"),
    [
        ("ignore drop-table", "suppression-unreasoned"),
        ("ignore drop-table:", "suppression-unreasoned"),
        ("ignore: gone", "suppression-unreasoned"),
        ("ignore drop-tabel: gone", "suppression-misspelt"),
        ("ignroe drop-table: gone", "suppression-misspelt"),
        ("ignore drop-column: gone", "suppression-unused"),
        ("ignore-file drop-column: gone", "suppression-unused"),
        ("ignore scans: gone", "suppression-unused"),
        ("ignore drop-table until 2026-06-30", "suppression-unreasoned"),
        ("ignore until 2026-06-30: gone", "suppression-unreasoned"),
        ("ignore drop-table until: gone", "suppression-undated"),
        ("ignore drop-table until 2026-02-30: gone", "suppression-undated"),
        ("ignore drop-table until 2026-6-30: gone", "suppression-undated"),
        ("ignore drop-table until 2027-01-01T10:00: gone", "suppression-undated"),
        ("ignore drop-table until 2026-06-29: gone", "suppression-expired"),
        ("ignore-file drop-table until 1999-01-01: gone", "suppression-expired"),
    ],
)
def test_a_comment_that_is_not_as_it_should_be_is_a_finding_and_silences_nothing(comment, rule):
    assert names(f"-- migrate-safe: {comment}\nDROP TABLE a;") == [rule, "drop-table"]


@pytest.mark.parametrize(
    ("comment", "meant"),
    [
        ("ignore drop-table", "-- migrate-safe: ignore drop-table"),
        ("ignroe drop-table: gone", "ignroe"),
        ("ignore  data-loss , drop-tabel: gone", "drop-tabel"),
        ("ignore drop-table, drop-column: gone", "drop-column"),
        ("ignore drop-table until  tomorrow : gone", "until  tomorrow"),
        ("ignore drop-table until 2026-06-29: gone", "until 2026-06-29"),
        ("", "-- migrate-safe:"),
    ],
)
def test_the_part_of_the_comment_that_is_meant(comment, meant):
    for before, after in (("", "\nDROP TABLE a;"), ("SELECT 'é🐘';\r\nDROP TABLE a;  ", "\r\n")):
        text = f"{before}-- migrate-safe: {comment}{after}"
        [found] = [f for f in findings(text) if f.rule.startswith("suppression") and meant in f.statement]
        span, source = found.span, f"SET lock_timeout = '1s';\n{text}"
        assert source[span.start : span.end].rstrip() == found.statement.rstrip() == meant
        line = source.splitlines()[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1].rstrip() == meant


def test_no_day_is_over_where_nobody_says_which_day_it_is():
    script = parse_script(Source("x.sql", "-- migrate-safe: ignore drop-table until 1999-01-01: gone\nDROP TABLE a;"))
    assert judgement(analyse(script, Schema(), session=Session(1)), script, RULES).findings == ()


def test_a_theme_speaks_of_all_its_rules_and_is_unused_only_where_none_speaks():
    sql = "-- migrate-safe: ignore compat, scans: gone\nALTER TABLE a DROP COLUMN b, ADD CHECK (c > 0);"
    assert names(sql) == []
    assert names(sql.replace(", ADD CHECK (c > 0)", "")) == ["suppression-unused"]


def test_a_comment_for_the_planner_is_not_misspelt():
    assert names("-- migrate-safe: old-app-keeps since v30\nDROP TABLE a;") == ["drop-table"]


def test_a_rule_that_is_switched_off_may_still_be_named():
    script = parse_script(Source("x.sql", "-- migrate-safe: ignore drop-table: gone\nSELECT 1;"))
    assert judgement(analyse(script, Schema()), script, RULES, silent={"drop-table"}).findings == ()


def test_what_yields_to_a_rule_that_is_switched_off_still_yields():
    script = parse_script(Source("x.sql", "SET lock_timeout = 1; DROP TABLE a;"))
    assert judgement(analyse(script, Schema()), script, RULES, silent={"drop-table"}).findings == ()


def test_silenced_findings_are_counted():
    script = parse_script(Source("x.sql", "-- migrate-safe: ignore drop-table: gone\nDROP TABLE a, b;"))
    assert judgement(analyse(script, Schema()), script, RULES).suppressed == 2


def test_a_rule_is_silent_outside_its_versions():
    script = parse_script(Source("x.sql", "SET lock_timeout = 1; DROP TABLE a;"))
    old = [replace(r, postgres=(14, 15)) for r in RULES]
    analysed = analyse(script, Schema())
    assert [f.rule for f in judgement(analysed, script, old, version=15).findings] == ["drop-table"]
    assert judgement(analysed, script, old, version=16).findings == ()
    assert [f.severity for f in judgement(analysed, script, old).findings] == [Severity.WARNING]


def test_rules_that_judge_many_scripts_say_of_each_what_they_would_say_of_it_alone():
    bench = Bench.of(RULES)
    for example in (example for rule in RULES for example in rule.examples):
        script = parse_script(Source("x.sql", example.sql), wrapping=example.wrapping)
        analysed = analyse(script, Schema())
        assert bench.judgement(analysed, script) == judgement(analysed, script, RULES), example.sql


BLOCK = """DO $$
BEGIN
  -- migrate-safe: ignore index-not-concurrent: the table is tiny
  CREATE INDEX i ON a (x);
  CREATE INDEX j ON b (x); -- migrate-safe: ignore index-not-concurrent: so is this one
  CREATE INDEX k ON c (x);
  -- migrate-safe: ignore index-not-concurrent: only if it is tiny
  IF EXISTS (SELECT FROM d HAVING count(*) < 100) THEN
    CREATE INDEX l ON d (x);
  END IF;
END $$;
"""


def test_inside_a_block_a_comment_speaks_of_its_own_statement():
    assert [(f.rule, f.span.line) for f in findings(BLOCK)] == [("index-not-concurrent", 7)]


def test_inside_a_block_a_comment_may_speak_of_what_is_only_known_when_it_runs():
    rule = names("DO $$ BEGIN EXECUTE x; CREATE TABLE a (); END $$;")
    silenced = f"DO $$ BEGIN\n-- migrate-safe: ignore {rule[0]}: it only counts\nEXECUTE x; CREATE TABLE a (); END $$;"
    assert names(silenced) == rule[1:]


@pytest.mark.parametrize("head", ["migrate-safe", "migrate-safe :", "migrate_safe:", "Migrate-Safe:", "migratesafe"])
def test_the_name_of_the_tool_misspelt_is_said(head: str):
    found = findings(f"-- {head} ignore drop-table: nobody uses it\nDROP TABLE a;")
    assert [f.rule for f in found] == ["suppression-misspelt", "drop-table"]
    assert found[0].message == f'The comment\'s "{head}" is not known: did you mean "migrate-safe:"?'


@pytest.mark.parametrize("text", ["migrate-safe ignores this", "Migrate Safe: see the wiki", "migrate_safe: x"])
def test_prose_about_the_tool_is_no_comment_to_it(text: str):
    assert names(f"-- {text}\nDROP TABLE a;") == ["drop-table"]


def test_advice_for_the_whole_statement_is_not_said_to_be_for_one_action():
    sql = "CREATE TABLE t (id serial PRIMARY KEY);\nALTER TABLE t ALTER COLUMN id TYPE bigint, ADD COLUMN note text;"
    known, script = (parse_script(Source("x.sql", text)) for text in sql.split("\n"))
    found = {f.rule: f.safe for f in judge(analyse(script, fold(Schema(), known)), script, RULES)}
    assert found["lock-timeout-missing"].startswith("SET lock_timeout")
    assert found["sequence-stays-short"].startswith("ALTER TABLE t ALTER COLUMN id TYPE bigint, ADD COLUMN note text;")
    assert found["column-type-rewrite"].startswith("-- in place of this one action of the statement:\n")


def test_advice_on_one_of_several_constraints_of_a_column_says_that_there_are_others():
    found = findings("ALTER TABLE t ADD COLUMN code text NOT NULL UNIQUE DEFAULT 'x' CHECK (code <> '');")
    assert {f.rule for f in found if f.safe} == {"add-check-scan", "constraint-builds-index"}
    assert all(f.safe.startswith(SHARED) for f in found)
    assert not any(f.fixable for f in found)


def test_advice_on_a_constraint_leaves_a_column_that_wants_steps_of_its_own_to_another_finding():
    found = {f.rule: f.safe for f in findings("ALTER TABLE t ADD COLUMN k serial UNIQUE;")}
    assert found["add-serial-column"].startswith(SHARED)
    assert found["constraint-builds-index"].startswith("-- once the column is there, without this constraint:\n")


def test_the_same_is_said_of_a_statement_only_once():
    known = parse_script(
        Source("x.sql", "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b);")
    )
    script = parse_script(Source("x.sql", "DROP INDEX CONCURRENTLY i, j;"))
    found = judge(analyse(script, fold(Schema(), known)), script, RULES)
    assert [f.rule for f in found] == ["statement-fails"]


def test_an_index_that_moves_is_written_anew_as_an_unknown_one_is():
    known = parse_script(Source("x.sql", "CREATE TABLE t (a int); CREATE INDEX i ON t (a);"))
    script = parse_script(Source("x.sql", "ALTER INDEX i SET TABLESPACE fast;"))
    found = {f.rule: f for f in judge(analyse(script, fold(Schema(), known)), script, RULES)}
    assert found["storage-rewrite"].severity is Severity.ERROR
    assert "the index i " in found["storage-rewrite"].message


def test_a_timeout_that_a_block_sets_is_heeded_inside_it_and_after_it():
    block = "DO $$ BEGIN {0}; ALTER TABLE a ADD COLUMN b int; END $$; ALTER TABLE c ADD COLUMN d int;"
    for setting in ("SET lock_timeout = '1s'", "PERFORM set_config('lock_timeout', '1s', false)"):
        assert [f.rule for f in lint_source(Source("x.sql", block.format(setting)))] == []
    local = lint_source(Source("x.sql", block.format("SET LOCAL lock_timeout = '1s'")))
    assert [f.rule for f in local] == ["lock-timeout-missing"]
    assert local[0].statement == "ALTER TABLE c ADD COLUMN d int"


def test_the_body_of_a_function_is_judged_where_it_is_called():
    body = "BEGIN CREATE INDEX i ON t (a); PERFORM other(); END"
    sql = f"CREATE FUNCTION mig() RETURNS void LANGUAGE plpgsql AS $$ {body} $$;\nSELECT mig();"
    found = findings(sql)
    assert [(f.rule, f.span.line) for f in found] == [("index-not-concurrent", 3), ("unknown-statement", 3)]
    assert found[0].statement == "CREATE INDEX i ON t (a)"


def test_a_temporary_table_of_a_function_is_nobodys_loss():
    body = "BEGIN CREATE TEMP TABLE n (a int); DROP TABLE n; END"
    assert names(f"CREATE FUNCTION mig() RETURNS void LANGUAGE plpgsql AS $$ {body} $$; SELECT mig();") == []
