"""Only what a branch changed is reported, on what all files before it leave: in real repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from migrate_safe.cli.main import main

Git = Callable[..., None]
USERS = "CREATE TABLE users (id int PRIMARY KEY, name varchar(40), at date);\nCREATE TABLE orgs (id int);\n"


def git_in(folder: Path) -> Git:
    """Give a function that runs git in a folder, whatever the machine's own settings say."""
    alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]

    def run(*arguments: str) -> None:
        subprocess.run(["git", *author, *arguments], cwd=folder, env=alone, check=True, capture_output=True)

    return run


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with two old migrations on main, and a branch from there."""
    monkeypatch.chdir(tmp_path)
    run = git_in(tmp_path)
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "1.sql").write_text(USERS)
    (tmp_path / "db" / "2.sql").write_text(
        "ALTER TABLE users ALTER at TYPE text;\n\nALTER TABLE orgs\n  ADD a int,\n  ADD b int;\n"
    )
    run("init", "-q", "-b", "main")
    run("add", ".")
    run("commit", "-q", "-m", "one")
    run("checkout", "-q", "-b", "topic")
    return run


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Lint with a revision, and give file, line and rule of what is reported but for notices."""

    def lint(*arguments: str) -> list[str]:
        assert main(["lint", "--since", "main", *arguments]) in (0, 1)
        lines = [line for line in capsys.readouterr().out.splitlines() if ": error: " in line or ": warning: " in line]
        return [f"{line.split(':')[0]}:{line.split(':')[1]} {line.rpartition(' ')[2]}" for line in lines]

    return lint


def test_nothing_changed_is_nothing_to_report(git: Git, found: Callable[..., list[str]]) -> None:
    assert found() == []
    assert found("db") == []


def test_a_new_file_is_reported_and_knows_the_old_ones(git: Git, found: Callable[..., list[str]]) -> None:
    Path("db/3.sql").write_text("ALTER TABLE users ALTER name TYPE varchar(80);\nCREATE INDEX i ON users (name);\n")
    expected = ["db/3.sql:2 index-not-concurrent"]  # the wider varchar rewrites nothing: the old one is known
    assert found() == expected  # not added yet
    git("add", ".")
    assert found("db") == expected
    git("commit", "-q", "-m", "three")
    assert found("db/2.sql", "db/3.sql") == expected


def test_an_ignored_file_is_new_when_it_is_named(git: Git, found: Callable[..., list[str]]) -> None:
    Path(".gitignore").write_text("*-draft.sql\n")
    Path("db/3-draft.sql").write_text("CREATE INDEX i ON users (name);\n")
    assert found("db") == []
    assert found("db/3-draft.sql") == ["db/3-draft.sql:1 index-not-concurrent"]


def test_of_an_old_file_only_the_changed_statements_are_reported(git: Git, found: Callable[..., list[str]]) -> None:
    text = Path("db/2.sql").read_text()
    Path("db/2.sql").write_text(f"{text}CREATE INDEX j ON users (at);\n")
    assert found() == ["db/2.sql:6 index-not-concurrent"]
    Path("db/2.sql").write_text(text.replace("ADD b int", "ALTER id TYPE bigint"))
    assert found() == ["db/2.sql:3 column-type-rewrite"]
    Path("db/2.sql").write_text(text.replace("  ADD a int,\n  ADD b int", "  ALTER id TYPE bigint,\n  ADD a int"))
    git("commit", "-q", "-a", "-m", "other")
    Path("db/2.sql").write_text(text.replace("  ADD a int,\n  ADD b int", "  ALTER id TYPE bigint"))
    git("checkout", "-q", "-b", "next")
    git("branch", "-f", "main", "topic")  # now only a line in the middle of the statement went
    assert found() == ["db/2.sql:3 column-type-rewrite"]


def test_what_main_did_since_is_not_the_branch_s(git: Git, found: Callable[..., list[str]]) -> None:
    git("checkout", "-q", "main")
    Path("db/2b.sql").write_text("CREATE INDEX k ON users (at);\n")
    git("add", ".")
    git("commit", "-q", "-m", "on main")
    git("checkout", "-q", "topic")
    Path("db/ünd 3.sql").write_text("CREATE INDEX i ON users (name);\n")
    assert found() == ["db/ünd 3.sql:1 index-not-concurrent"]


def test_a_changed_file_elsewhere_and_a_deleted_one_are_not_meant(git: Git, found: Callable[..., list[str]]) -> None:
    Path("notes.txt").write_text("x")
    Path("other.sql").write_text("CREATE INDEX i ON far (name);\n")
    Path("db/2.sql").unlink()
    assert found("db") == []
    assert found() == ["other.sql:1 index-not-concurrent"]


@pytest.mark.parametrize("committed", [True, False])
def test_what_other_files_of_the_branch_make_is_new(committed: bool, git: Git, found: Callable[..., list[str]]) -> None:
    Path("db/3.sql").write_text("CREATE TABLE fresh (a int, b int);\nCREATE TABLE gone (a int);\n")
    Path("db/4.sql").write_text("ALTER TABLE fresh RENAME TO newest;\n")
    Path("db/5.sql").write_text(
        "CREATE INDEX i ON newest (a);\nALTER TABLE newest ADD c int NOT NULL;\nDROP TABLE gone;\n"
        "CREATE INDEX j ON users (at);\n"
    )
    if committed:
        git("add", ".")
        git("commit", "-q", "-m", "three")
    expected = ["db/5.sql:4 index-not-concurrent"]
    assert found() == expected
    assert found("--no-cache") == expected
    assert found("db/5.sql") == expected
    git("checkout", "-q", "-b", "next")
    git("add", ".")
    git("commit", "-q", "--allow-empty", "-m", "four")
    git("branch", "-f", "main", "next")  # released meanwhile
    Path("db/6.sql").write_text("CREATE INDEX k ON newest (b);\n")
    assert found() == ["db/6.sql:1 index-not-concurrent"]


@pytest.mark.parametrize("attributes", ["*.sql -diff", "*.sql binary"])
def test_attributes_make_no_file_binary(attributes: str, git: Git, found: Callable[..., list[str]]) -> None:
    Path(".gitattributes").write_text(f"{attributes}\n")
    Path("db/2.sql").write_text(Path("db/2.sql").read_text() + "CREATE INDEX j ON users (at);\n")
    Path("picture.png").write_bytes(b"\0\1\n+CREATE")
    git("add", ".")
    assert found() == ["db/2.sql:6 index-not-concurrent"]


def test_of_a_moved_file_only_the_changed_statements_are_reported(git: Git, found: Callable[..., list[str]]) -> None:
    git("mv", "db", "migrations")
    assert found() == []
    git("commit", "-q", "-m", "moved")
    assert found("migrations") == []
    Path("migrations/2.sql").write_text(Path("migrations/2.sql").read_text() + "CREATE INDEX j ON users (at);\n")
    assert found() == ["migrations/2.sql:6 index-not-concurrent"]


def test_a_file_that_was_a_link_is_new(git: Git, found: Callable[..., list[str]]) -> None:
    Path("db/3.sql").symlink_to("2.sql")
    git("add", ".")
    git("commit", "-q", "-m", "link")
    git("branch", "-f", "main", "topic")
    Path("db/3.sql").unlink()
    Path("db/3.sql").write_text("CREATE INDEX j ON users (at);\n")
    assert found() == ["db/3.sql:1 index-not-concurrent"]


BUILD = "CREATE INDEX CONCURRENTLY j ON users (at);\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"db/3.sql": f"-- migrate:up transaction:false\n{BUILD}-- migrate:down\n"},
            {"db/3.sql": f"-- migrate:up\n{BUILD}-- migrate:down\n"},
        ),
        ({"x/3/up.sql": BUILD, "x/3/metadata.toml": "run_in_transaction = false\n"}, {"x/3/metadata.toml": None}),
        (
            {"x/3/up.sql": BUILD, "x/3/metadata.toml": "run_in_transaction = false\n"},
            {"x/3/metadata.toml": "run_in_transaction = true\n"},
        ),
        (
            {"x/V3__a.sql": f"{BUILD}SELECT 1;\n", "x/V3__a.sql.conf": "executeInTransaction=false\n"},
            {"x/V3__a.sql.conf": "executeInTransaction=true\n"},
        ),
        (
            {"x/3_a.autocommit.up.sql": f"{BUILD}SELECT 1;\n"},
            {"x/3_a.autocommit.up.sql": None, "x/3_a.up.sql": f"{BUILD}SELECT 1;\n"},
        ),
    ],
)
def test_a_changed_mark_of_the_runner_changes_the_file(
    before: dict[str, str], after: dict[str, str | None], git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    place_files({**before})
    git("add", ".")
    git("commit", "-q", "-m", "three")
    git("branch", "-f", "main", "topic")
    assert main(["lint", "--since", "main"]) == 0
    place_files(after)
    capsys.readouterr()
    main(["lint", "--since", "main"])
    assert "concurrently-in-transaction" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["ignore", "ignore-file"])
def test_a_rule_that_is_no_longer_silenced_speaks(verb: str, git: Git, found: Callable[..., list[str]]) -> None:
    silenced = f"SELECT 1;\n\n-- migrate-safe: {verb} index-not-concurrent: small\nCREATE INDEX j ON users (at);\n"
    Path("db/3.sql").write_text(silenced)
    git("add", ".")
    git("commit", "-q", "-m", "three")
    git("branch", "-f", "main", "topic")
    Path("db/3.sql").write_text("SELECT 1;\n\nCREATE INDEX j ON users (at);\n")
    assert found() == ["db/3.sql:3 index-not-concurrent"]


def place_files(files: Mapping[str, str | None]) -> None:
    """Write each file, or remove it."""
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)


def test_a_path_is_judged_by_its_own_repository(
    git: Git, found: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner, alone = tmp_path / "inner", tmp_path.parent / f"{tmp_path.name}-alone"
    for folder in (inner, alone):
        (folder / "db").mkdir(parents=True)
        (folder / "db" / "1.sql").write_text(USERS)
    run = git_in(inner)
    run("init", "-q", "-b", "main")
    run("add", ".")
    run("commit", "-q", "-m", "one")
    (inner / "db" / "2.sql").write_text("CREATE INDEX i ON users (name);\n")
    assert found("inner/db", "db") == ["inner/db/2.sql:1 index-not-concurrent"]
    assert main(["lint", "--since", "topic", "inner/db"]) == 2
    assert f'no revision "topic" here in "{inner}"' in capsys.readouterr().err
    assert main(["lint", "--since", "main", str(alone / "db")]) == 2
    assert "lies in no git repository" in capsys.readouterr().err


def test_a_shallow_clone_is_told_how_to_fetch(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("db/3.sql").write_text("SELECT 1;\n")
    git("add", ".")
    git("commit", "-q", "-m", "three")
    git("clone", "-q", "--depth", "1", "-b", "topic", f"file://{tmp_path}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert main(["lint", "--since", "HEAD~1"]) == 2
    assert "next: fetch more of the history: git fetch --unshallow" in capsys.readouterr().err
    assert main(["lint", "--since", "origin/main"]) == 2
    said = capsys.readouterr().err
    assert 'no revision "origin/main" here' in said
    assert "next: git fetch origin main; a shallow clone in CI has one branch only" in said
    git_in(tmp_path / "shallow")("fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    assert main(["lint", "--since", "origin/main"]) == 2
    said = capsys.readouterr().err
    assert 'nothing here tells where this branch left "origin/main"' in said
    assert "next: fetch more of the history: git fetch --unshallow" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "main"], "this is no git repository"),
        (["--since", "main", "-"], "--since is for files"),
        ([], "name a PATH, or what changed with --since REF"),
    ],
)
def test_bad_use(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert main(["lint", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ref", "move"),
    [
        ("--output=x", "name a branch or commit that git knows"),
        ("", "name a branch or commit that git knows"),
        ("-x", "name a branch or commit that git knows"),
        ("main:db", "name a branch or commit that git knows"),
        ("HEAD~7", "name a branch or commit that git knows"),
        ("nope", "git fetch origin nope"),
        ("other/nope", "git fetch origin other/nope"),
        ("upstream/nope", "git fetch upstream nope"),
    ],
)
def test_a_revision_that_is_none(ref: str, move: str, git: Git, capsys: pytest.CaptureFixture[str]) -> None:
    git("remote", "add", "upstream", "nowhere")
    assert main(["lint", f"--since={ref}"]) == 2
    said = capsys.readouterr().err
    assert f'no revision "{ref}" here' in said
    assert f"next: {move}" in said
    assert not Path("x").exists()


@pytest.mark.parametrize("ref", ["HEAD", "main"])
def test_nothing_is_committed_yet(
    ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    git_in(tmp_path)("init", "-q", "-b", "main")
    assert main(["lint", "--since", ref]) == 2
    assert "next: nothing is committed here yet: lint without --since" in capsys.readouterr().err


def test_without_git_it_says_so(git: Git, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["lint", "--since", "main"]) == 2
    assert "cannot run git: no such file or directory" in capsys.readouterr().err
