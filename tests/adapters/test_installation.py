"""The signature of an installation: the same for the same version installed anew, another for any other code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from migrate_safe.adapters.installation import installation, package_signature

RECORD = "tool/__init__.py,sha256=abc,12\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "tool"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("VALUE = 1\n")
    (folder / "deep" / "code.py").write_text("VALUE = 2\n")
    return folder


def record(package: Path, text: str = RECORD) -> None:
    info = package.parent / "tool-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "RECORD").write_text(text)


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (1_000_000, 1_000_000))


def test_it_is_the_same_from_call_to_call() -> None:
    assert installation() == installation()


def test_installed_anew_elsewhere_it_is_the_same(package: Path, tmp_path: Path) -> None:
    age(*package.rglob("*.py"))
    record(package)
    other = Path(shutil.copytree(tmp_path, tmp_path / "elsewhere")) / "tool"
    age(other / "__init__.py")
    assert package_signature(other) == package_signature(package)


def test_another_version_is_another(package: Path) -> None:
    record(package)
    before = package_signature(package)
    record(package, RECORD.replace("abc", "abd"))
    assert package_signature(package) != before


@pytest.mark.parametrize("recorded", [True, False])
def test_a_file_that_is_edited_makes_another(package: Path, recorded: bool) -> None:
    age(*package.rglob("*.py"))
    if recorded:
        record(package)
    before = package_signature(package)
    (package / "deep" / "code.py").write_text("VALUE = 3\n")
    edited = package_signature(package)
    assert edited != before
    (package / "deep" / "more.py").write_text("")
    assert package_signature(package) not in (before, edited)


def test_compiled_files_do_not_count(package: Path) -> None:
    before = package_signature(package)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "code.pyc").write_bytes(b"")
    assert package_signature(package) == before
