"""What a user installs: the built wheel, and an editable install, in a new environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAIVE = "CREATE INDEX users_email ON users (email);\n"


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """Run a command with nothing of this project on its path; gives what it wrote."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    run(*command, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request, tmp_path_factory, wheel) -> Path:
    """The bin folder of a new environment with the project in it and our dependencies in sight."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, with_pip=False)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    # A path in a .pth file comes after the environment's own packages, and .pth files in it are not read: an
    # editable install of this project over there stays out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    source = [wheel] if request.param == "wheel" else ["--no-build-isolation", "-e", ROOT]
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--ignore-installed", *source, cwd=folder)
    place = run(python, "-c", "import migrate_safe; print(migrate_safe.__file__)", cwd=folder)
    assert place.startswith(str(packages) if request.param == "wheel" else str(ROOT))
    return folder / "bin"


def test_the_wheel_carries_every_data_file(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = {
        str(p.relative_to(ROOT))
        for p in (ROOT / "migrate_safe").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    rules = {f"migrate_safe/{p.relative_to(ROOT)}" for p in (ROOT / "rules").rglob("*.yaml")}
    assert rules
    assert package | rules <= inside
    assert "migrate_safe/rules/compiled.json" in inside
    assert not [name for name in inside if name.startswith(("tests/", "docs/"))]


def test_the_command_knows_its_version(installed, tmp_path):
    assert run(installed / "migrate-safe", "--version", cwd=tmp_path).split()[-1] == "0.1.0"


def test_lint_finds_its_rules(installed, tmp_path):
    (tmp_path / "0042.sql").write_text(NAIVE)
    shown = run(installed / "migrate-safe", "lint", "0042.sql", cwd=tmp_path, code=1)
    assert "index-not-concurrent" in shown
    assert "CREATE INDEX CONCURRENTLY" in shown


def test_rules_are_compiled_for_their_very_texts(installed, tmp_path):
    code = (
        "from migrate_safe.rulebook.compiled import *; from migrate_safe.rulebook.load import load_rules\n"
        "from migrate_safe.rulebook.rule_files import bundled_rules; from migrate_safe.model.values import replace\n"
        "folder = bundled_rules(); beside = compiled_beside(folder) or compile_rules(folder)\n"
        "assert beside['digest'] == digest_of(folder, rule_files(folder))\n"
        "assert rules_of(folder, beside) == tuple(replace(rule, examples=()) for rule in load_rules())"
    )
    run(installed / "python", "-c", code, cwd=tmp_path)


def test_sql_files_are_found(installed, tmp_path):
    code = (
        "from importlib.resources import files\n"
        "found = [p for p in files('migrate_safe.adapters').iterdir() if p.name.endswith('.sql')]\n"
        "assert found and all(p.read_text() for p in found)"
    )
    run(installed / "python", "-c", code, cwd=tmp_path)
