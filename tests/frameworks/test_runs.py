"""What is foretold of a file in the hands of a runner is what the runner was seen to do with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate_safe.adapters.files import find_histories
from migrate_safe.adapters.frameworks import runner_of
from migrate_safe.catalog.evolve import fold
from migrate_safe.effects.analyse import analyse
from migrate_safe.model.framework import HABITS, Framework, Runner
from migrate_safe.model.schema import Schema
from migrate_safe.model.source import Source
from migrate_safe.model.statement import Script
from migrate_safe.sql.parse import parse_script

BEFORE = fold(Schema(), parse_script(Source("given.sql", "CREATE TABLE t (a int);")))
INDEX = "CREATE INDEX CONCURRENTLY i1 ON t (a);\n"
ADD = "ALTER TABLE t ADD b int;\n"
TEXTS = {
    "one": INDEX,
    "two": ADD + INDEX,
    "cic+cic": INDEX + INDEX.replace("i1", "i2"),
    "..COMMIT;cic": ADD + "COMMIT;\n" + INDEX,
    "BEGIN..COMMIT;cic": "BEGIN;\n" + ADD + "COMMIT;\n" + INDEX,
    "SET;cic": "SET lock_timeout = 1000;\n" + INDEX,
    "SET;SET;alter": "SET lock_timeout = 1000;\n" + ADD,
}
FILES = {
    "golang-migrate pgx5": ("1_a.up.sql", "{}", {}),
    "golang-migrate postgres": ("1_a.up.sql", "{}", {}),
    "goose": ("1_a.sql", "-- +goose Up\n{}", {}),
    "goose NO TRANSACTION": ("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n{}", {}),
    "goose NO TRANSACTION StatementBegin": (
        "1_a.sql",
        "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n{}-- +goose StatementEnd\n",
        {},
    ),
    "dbmate": ("1_a.sql", "-- migrate:up\n{}-- migrate:down\n", {}),
    "dbmate transaction:false": ("1_a.sql", "-- migrate:up transaction:false\n{}-- migrate:down\n", {}),
    "tern": ("001_a.sql", "{}---- create above / drop below ----\n", {}),
    "tern disable-tx": ("001_a.sql", "---- tern: disable-tx ----\n{}", {}),
    "sqlx": ("1_a.sql", "{}", {"../Cargo.toml": '[dependencies]\nsqlx = "0.8"\n'}),
    "sqlx no-transaction": ("1_a.sql", "-- no-transaction\n{}", {"../Cargo.toml": '[dependencies]\nsqlx = "0.8"\n'}),
    "node-pg-migrate": ("1700000000000_a.sql", "-- Up Migration\n{}\n-- Down Migration\n", {}),
    "drizzle": ("0000_a.sql", "{}", {"meta/_journal.json": "{}"}),
    "flyway": ("V1__a.sql", "{}", {}),
    "flyway mixed": ("V1__a.sql", "{}", {"flyway.conf": "flyway.mixed=true\n"}),
    "flyway .conf executeInTransaction=false": ("V1__a.sql", "{}", {"V1__a.sql.conf": "executeInTransaction=false\n"}),
    "flyway .conf executeInTransaction=true": ("V1__a.sql", "{}", {"V1__a.sql.conf": "executeInTransaction=true\n"}),
    "liquibase": ("c.sql", "--liquibase formatted sql\n--changeset a:1\n{}", {}),
    "liquibase runInTransaction:false": (
        "c.sql",
        "--liquibase formatted sql\n--changeset a:1 runInTransaction:false\n{}",
        {},
    ),
    "liquibase two changesets": (
        "c.sql",
        f"--liquibase formatted sql\n--changeset a:0\n{ADD}--changeset a:1 runInTransaction:false\n{{}}".replace(
            " b ", " z "
        ),
        {},
    ),
}
NOT_TOLD_BY_FILES = ("golang-migrate x-multi-statement",)
SAME_AS = {"node-pg-migrate --no-single-transaction": "node-pg-migrate"}
UNLIKE = {("liquibase", "BEGIN..COMMIT;cic")}
"""Liquibase sends a text that starts with BEGIN otherwise; that it would then fail is said, and does not come true."""


def runs() -> list[tuple[str, str, str]]:
    lines = (Path(__file__).parent / "runs.txt").read_text().splitlines()
    return [tuple(line.split(" | ")) for line in lines if not line.startswith("#")]


def file_of(root: Path, runner: str, text: str) -> Script:
    name, form, beside = FILES[SAME_AS.get(runner, runner)]
    folder = root / "migrations"
    for other, content in {name: form.replace("{}", text), **beside}.items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_text(content)
    [(history, (path,))] = find_histories([folder])
    return parse_script(Source(str(path), path.read_text()), runner=history.runner(path))


@pytest.mark.parametrize(
    ("runner", "text", "outcome"), [run for run in runs() if run[0] not in NOT_TOLD_BY_FILES and run[:2] not in UNLIKE]
)
def test_what_is_foretold_is_what_was_seen(tmp_path: Path, runner, text, outcome):
    script = file_of(tmp_path, runner, TEXTS[text])
    fails = [a.effect.fails for a in analyse(script, BEFORE) if a.effect.fails]
    assert bool(fails) is (outcome == "refused"), fails
    assert str(script.framework) == runner.split()[0]


def test_every_runner_that_was_tried_is_in_the_table():
    tried = {str(framework) for framework, habits in HABITS.items() if habits.tried}
    assert tried == {runner.split()[0] for runner, _, _ in runs()}
    assert {text for _, text, _ in runs()} == set(TEXTS)
    assert runner_of(Path("1.sql"), Runner(Framework.GOOSE)).framework is Framework.GOOSE
