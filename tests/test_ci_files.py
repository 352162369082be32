"""What CI systems take from the repository: the shell steps of the GitHub action run here, and pre-commit's hook."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from migrate_safe.cli.lint import WRITERS
from tests.support.servers import must_have_all

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
BAD = "SET lock_timeout = '1s';\nCREATE INDEX i ON users (email);\n"

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("git") is None, reason="needs bash and git"
)


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with a branch that adds a migration to those of main."""
    folder = tmp_path / "origin"
    (folder / "db").mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "db" / "1.sql").write_text("CREATE TABLE users (id bigint, email text);\n")
    (folder / "db" / "2.sql").write_text("SET lock_timeout = '1s';\nDROP TABLE gone;\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "checkout", "--quiet", "-b", "branch")
    (folder / "db" / "3.sql").write_text(BAD)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "second")
    return folder


class Job:
    """A job that uses the action, as far as a shell can play it."""

    def __init__(self, folder: Path, origin: Path, *, depth: int | None) -> None:
        self.folder, self.work = folder, folder / "work"
        words = [] if depth is None else ["--depth", str(depth), "--single-branch"]
        git(folder, "clone", "--quiet", *words, "--branch", "branch", origin.as_uri(), str(self.work))
        tools = folder / "tools"
        tools.mkdir()
        (tools / "migrate-safe").write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m migrate_safe.cli.entry "$@"\n'
        )
        (tools / "migrate-safe").chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "RUNNER_TEMP": str(folder),
        }

    def run(self, base: str = "main", **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the last step with inputs."""
        step = ACTION["runs"]["steps"][-1]
        given = {name: said["default"] for name, said in ACTION["inputs"].items()} | inputs
        env = {
            name: re.sub(r"\$\{\{ inputs\.(\S+) \}\}", lambda m: given[m[1]], text)
            for name, text in step["env"].items()
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        variables = {**self.env, "GITHUB_BASE_REF": base, **env}
        return subprocess.run(command, cwd=self.work, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("depth", [None, 1])
def test_the_action_annotates_what_a_pull_request_changed(tmp_path: Path, origin: Path, depth):
    job = Job(tmp_path, origin, depth=depth)
    ran = job.run()
    assert ran.returncode == 1, ran.stderr
    [line] = [line for line in ran.stdout.splitlines() if line.startswith("::error")]
    assert "file=db/3.sql,line=2" in line
    summary = (tmp_path / "summary.md").read_text()
    assert "index-not-concurrent" in summary
    assert "drop-table" not in summary


def test_the_action_writes_sarif(tmp_path: Path, origin: Path):
    job = Job(tmp_path, origin, depth=1)
    ran = job.run(format="sarif", args="--postgres 15 --fail-on error")
    assert ran.returncode == 1, ran.stderr
    output = (tmp_path / "outputs").read_text().strip().removeprefix("output=")
    [run] = json.loads(Path(output).read_text())["runs"]
    assert [found["ruleId"] for found in run["results"]] == ["index-not-concurrent"]


def test_the_action_on_a_push_wants_paths(tmp_path: Path, origin: Path):
    job = Job(tmp_path, origin, depth=1)
    ran = job.run(base="")
    assert ran.returncode == 2
    assert "::error::migrate-safe: name paths" in ran.stdout
    ran = job.run(base="", paths="db/1.sql\ndb/3.sql")
    assert ran.returncode == 1
    assert "3 statements in 2 files" in (tmp_path / "summary.md").read_text()
    assert job.run(base="", paths="db/1.sql").returncode == 0


def test_the_action_hands_on_that_something_is_wrong(tmp_path: Path, origin: Path):
    job = Job(tmp_path, origin, depth=1)
    assert job.run(base="nowhere").returncode == 2
    assert job.run(args="--postgres 3").returncode == 2


def test_the_action_uses_only_inputs_that_it_has():
    text = (ROOT / "action.yml").read_text()
    used = set(re.findall(r"\$\{\{ inputs\.(\S+) \}\}", text))
    assert used == set(ACTION["inputs"])
    assert {"github", "sarif"} < set(WRITERS)
    for step in ACTION["runs"]["steps"]:
        assert step.get("shell") == "bash" or "uses" in step
        assert "${{" not in step.get("run", "")  # what a user gives reaches the shell as variables, never as its text


def test_the_page_tells_of_every_input():
    page = (ROOT / "docs" / "ci.md").read_text()
    assert [name for name in ACTION["inputs"] if f"| `{name}` |" not in page] == []
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert f"id: {hook['id']}" in page
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        yaml.safe_load(block)


def test_the_hook_names_a_command_that_is_there():
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert shlex.split(hook["entry"]) == ["migrate-safe", "lint"]
    assert (hook["language"], hook["types"]) == ("python", ["sql"])


def test_pre_commit_runs_the_hook(tmp_path: Path, origin: Path):
    if not must_have_all():
        pytest.skip("pip brings pre-commit, and it installs the tool: make matrix runs it")
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PRE_COMMIT_HOME": str(tmp_path / "cache")}
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "pre-commit"], check=True, env=env)
    source = tmp_path / "source"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(source))
    for name in (".pre-commit-hooks.yaml",):
        shutil.copy(ROOT / name, source / name)
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--allow-empty", "-m", "as it is here")
    (origin / "db" / "4.sql").write_text(BAD.replace("i ON", "j ON"))
    git(origin, "add", ".")
    words = ["try-repo", str(source), "migrate-safe-lint", "--verbose"]
    ran = subprocess.run(
        [place / "bin" / "pre-commit", *words], cwd=origin, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "db/4.sql:2:1: error: index-not-concurrent" in ran.stdout
    assert "db/3.sql" not in ran.stdout
