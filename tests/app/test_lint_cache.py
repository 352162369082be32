"""With the cache lint says what it says without, whatever was edited in between, and whatever became of the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.adapters.store import VARIABLE, Store
from migrate_safe.app import lint_key, lint_run
from migrate_safe.app.lint import Known, LintOutcome, LintRequest, SqlLinter, lint
from migrate_safe.app.lint_request import Linter
from migrate_safe.app.lint_run import run_lint
from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.preferences import Preferences
from migrate_safe.model.schema import Schema
from migrate_safe.model.values import replace
from migrate_safe.model.wrapping import Wrapping

SMALL = 3
"""Files of a segment in these tests."""
TEXTS = (
    "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50));",
    "CREATE TABLE IF NOT EXISTS users (id bigint);",
    "CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint REFERENCES users (id));",
    "ALTER TABLE users ALTER email TYPE varchar(80);",
    "ALTER TABLE users ALTER email SET NOT NULL;",
    "ALTER TABLE users ADD CONSTRAINT there CHECK (email IS NOT NULL) NOT VALID;",
    "ALTER TABLE users VALIDATE CONSTRAINT there;",
    "ALTER TABLE orders ADD COLUMN note text DEFAULT random()::text;",
    "BEGIN; CREATE INDEX CONCURRENTLY i ON users (email); COMMIT;",
    "CREATE INDEX i ON users (email);",
    "DROP INDEX CONCURRENTLY i;",
    "CREATE MATERIALIZED VIEW seen AS SELECT id FROM users; CREATE INDEX j ON seen (id);",
    "CREATE TEMPORARY TABLE scratch (id int); CREATE VIEW v AS SELECT * FROM users;",
    "DROP TABLE orders;",
    "-- +goose Up\nDROP TABLE users;\n-- +goose Down\nCREATE TABLE users (id bigint);",
    "-- migrate-safe: ignore drop-table: a test\nDROP TABLE users;",
    "-- migrate-safe: ignore drop-table until 2028-01-01: a test\nDROP TABLE users;",
    "ALTER TABEL users;",
    "DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$;",
    "",
    "\xff",
)
RULE = """
title: Something was done
harm: None.
when: {action: %s}
severity: notice
message: Something was done to a relation.
manual: https://www.postgresql.org/docs/
examples: []
"""
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"version": 14},
    {"wrapping": Wrapping.FILE},
    {"preferences": (Preferences(disable=("drop-table",)),)},
    {"preferences": (Preferences(severity={"drop-table": Severity.NOTICE}, match=("**/0*.sql",)),)},
    {"framework": Framework.GOLANG_MIGRATE},
    {"today": date(2028, 1, 1)},
    {"today": date(2028, 1, 2)},
)

places = st.integers(0, 10)
edits = st.one_of(
    st.tuples(st.just("write"), places, st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.just("remove"), places, st.just(0)),
    st.tuples(st.just("ask"), places, st.integers(0, len(OPTIONS) - 1)),
    st.tuples(st.just("rules"), places, st.integers(0, 2)),
    st.tuples(st.just("schema"), places, st.integers(0, 2)),
    st.tuples(st.just("damage"), places, st.integers(0, 10_000)),
    st.tuples(st.just("sums"), places, st.integers(0, 2)),
)


class Project:
    """A folder of migrations, what is asked of it, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rules, self.asked = folder / "migrations", folder / "rules", {}
        self.store = Store(folder / "cache")
        for each in (self.folder, self.rules / "own", self.store.folder):
            each.mkdir(parents=True)
        self.dump = folder / "dump.sql"
        self.dump.write_text("--\n-- PostgreSQL database dump\n--\n" + TEXTS[0])

    def write(self, place: int, text: int) -> None:
        (self.folder / f"{place:02}.sql").write_bytes(TEXTS[text].encode("latin-1"))

    def remove(self, place: int, _: int) -> None:
        (self.folder / f"{place:02}.sql").unlink(missing_ok=True)

    def ask(self, place: int, option: int) -> None:
        self.asked = {**OPTIONS[option], "place": place}

    def rules_changed(self, _: int, which: int) -> None:
        (self.rules / "own" / "own.yaml").write_text(RULE % ("drop-table", "create-index", "create-table")[which])

    def schema(self, _: int, which: int) -> None:
        self.dump.write_text("--\n-- PostgreSQL database dump\n--\n" + "\n".join(TEXTS[: which + 1]))

    def sums(self, _: int, which: int) -> None:
        sums = self.folder / "atlas.sum"
        sums.write_text("h1:") if which else sums.unlink(missing_ok=True)

    def damage(self, place: int, offset: int) -> None:
        files = sorted(self.store.folder.iterdir())
        if files:
            path = files[place % len(files)]
            data = bytearray(path.read_bytes())
            data[offset % len(data)] ^= 1
            path.write_bytes(data)

    def requests(self) -> list[LintRequest]:
        """All files; one of them alone; on a dump; with rules of one's own."""
        more = {k: v for k, v in self.asked.items() if k != "place"}
        whole = LintRequest((self.folder,), **more)
        one = self.folder / f"{self.asked.get('place', 0):02}.sql"
        found = [whole, replace(whole, schema=(str(self.dump),))]
        found += [replace(whole, rules=self.rules)] if list(self.rules.rglob("*.yaml")) else []
        return found + ([replace(whole, paths=(one,))] if one.exists() else [])

    def agrees(self) -> None:
        for request in self.requests() if list(self.folder.glob("*.sql")) else []:
            assert lint(request, self.store) == lint(request)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint_run, "SEGMENT", SMALL)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(TEXTS) - 1), min_size=4, max_size=11), st.lists(edits, min_size=1, max_size=6))
def test_any_edit_gives_the_same_answer_as_without_a_cache(small: None, start: list[int], steps) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for place, text in enumerate(start):
            project.write(place, text)
        project.agrees()
        for kind, place, which in steps:
            act = {"rules": project.rules_changed}.get(kind) or getattr(project, kind)
            act(place, which)
            project.agrees()


def refused() -> Linter[Schema]:
    raise AssertionError("all of it is in the cache")


class Counting:
    """A linter that counts the files that it takes."""

    def __init__(self, request: LintRequest) -> None:
        self.inner, self.taken = SqlLinter.of(request), 0
        self.base, self.unread, self.kind = self.inner.base, self.inner.unread, self.inner.kind

    def take(self, *given: Any) -> Any:
        self.taken += 1
        return self.inner.take(*given)


def filled(folder: Path, files: int) -> Project:
    project = Project(folder)
    for place in range(files):
        project.write(place, place % 18)
    return project


def run_counting(request: LintRequest, store: Store) -> tuple[LintOutcome, int]:
    made: list[Counting] = []

    def make() -> Counting:
        made.append(Counting(request))
        return made[0]

    outcome = run_lint(request, make, store)
    return outcome, made[0].taken if made else 0


def test_what_did_not_change_needs_no_linter(tmp_path: Path) -> None:
    project = filled(tmp_path, 40)
    request = LintRequest((project.folder,))
    first = lint(request, project.store)
    assert run_lint(request, refused, project.store) == first


@pytest.mark.parametrize("changed", [99, 70, 33, 0])
def test_only_what_stands_on_a_changed_file_is_judged_anew(tmp_path: Path, small: None, changed: int) -> None:
    project = filled(tmp_path, 100)
    request = LintRequest((project.folder,))
    lint(request, project.store)
    project.write(changed, 18)
    outcome, taken = run_counting(request, project.store)
    assert outcome == lint(request)
    behind = 100 - changed
    assert behind <= taken <= 2 * behind + 2 * SMALL


def test_one_file_is_judged_on_the_schema_that_was_kept(tmp_path: Path, small: None) -> None:
    project = filled(tmp_path, 100)
    request = LintRequest((project.folder / "99.sql",))
    lint(request, project.store)
    project.write(99, 3)
    outcome, taken = run_counting(request, project.store)
    assert outcome == lint(request)
    assert taken <= SMALL


@pytest.mark.parametrize("lost", ["values", "schemas"])
def test_a_part_of_the_cache_is_lost(tmp_path: Path, small: None, lost: str) -> None:
    project = filled(tmp_path, 40)
    request = LintRequest((project.folder,))
    lint(request, project.store)
    for path in project.store.folder.iterdir():
        is_schema = project.store.get(bytes.fromhex(path.stem), Known) is not None
        if is_schema is (lost == "schemas"):
            path.unlink()
    project.write(39, 0)
    assert lint(request, project.store) == lint(request)


def test_another_tool_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = filled(tmp_path, 5)
    request = LintRequest((project.folder,))
    lint(request, project.store)
    monkeypatch.setattr(lint_key, "installation", lambda: ("another",))
    assert run_counting(request, project.store)[1] == 5


def test_a_file_changes_while_it_is_read(tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    project = filled(tmp_path, 20)
    request = LintRequest((project.folder / "19.sql",))
    read: Callable[[Path], Any] = lint_run.read_source
    seen: list[Path] = []

    def changing(path: Path) -> Any:
        if path.name == "03.sql" and path in seen:
            project.write(3, 13)
        seen.append(path)
        return read(path)

    monkeypatch.setattr(lint_run, "read_source", changing)
    lint(request, project.store)
    monkeypatch.undo()
    assert lint(request, project.store) == lint(request)


def test_nothing_is_kept_of_a_schema_that_cannot_be_known(tmp_path: Path) -> None:
    project = filled(tmp_path, 3)
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "1.sql").write_bytes(b"\xff")
    request = LintRequest((project.folder,), schema=(str(tmp_path / "known"),))
    assert lint(request, project.store) == lint(request)
    outcome, taken = run_counting(request, project.store)
    assert outcome.unread
    assert taken == 3


def test_two_processes_at_once(tmp_path: Path) -> None:
    project = filled(tmp_path, 60)
    command = [sys.executable, "-m", "migrate_safe.cli.entry", "lint", "--format", "json", str(project.folder)]
    environment = {**os.environ, VARIABLE: str(project.store.folder)}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    said = [process.communicate()[0] for process in running]
    alone = subprocess.run([*command, "--no-cache"], stdout=subprocess.PIPE, env=environment, check=False).stdout
    again = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False).stdout
    assert said[0] == said[1] == alone == again
    assert b'"rule"' in alone


def test_what_is_in_the_cache_needs_no_parser(tmp_path: Path) -> None:
    project = filled(tmp_path, 3)
    code = (
        "import sys; from migrate_safe.cli.main import main\n"
        f"main(['lint', '--format', 'json', {str(project.folder)!r}])\n"
        "heavy = ('migrate_safe.sql', 'migrate_safe.model.statement', 'migrate_safe.rulebook.load', 'yaml')\n"
        "print(*(name for name in heavy if name in sys.modules), file=sys.stderr)"
    )
    environment = {**os.environ, VARIABLE: str(project.store.folder)}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        for _ in range(2)
    )
    assert "migrate_safe.sql" in first.stderr
    assert second.stderr.strip() == ""
    assert second.stdout == first.stdout
