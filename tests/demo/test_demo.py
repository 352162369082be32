"""The whole story, small: what `migrate-safe demo` says, exits with, and leaves behind."""

from __future__ import annotations

import re
import signal
import tempfile
from pathlib import Path

import pytest

from tests.support.processes import line_of, start_python

CODE = "import sys; from migrate_safe.cli.main import main; sys.exit(main(sys.argv[1:] or {words}))"
SMALL = ["demo", "--rows", "3000", "--seconds", "0.5", "--patience", "1"]


def started(folder: Path):
    """Start a small demo whose temporary files all go to a folder."""
    return start_python(CODE.format(words=SMALL), TMPDIR=str(folder))


@pytest.fixture(scope="module")
def folder():
    """A temporary folder with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ms-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def told(folder):
    """What a small demo says from start to end."""
    process = started(folder)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert err == ""
    return out


def test_nothing_is_left_behind(told, folder):
    assert list(folder.iterdir()) == []


def test_the_chapters_come_in_the_order_of_a_release(told):
    chapters = re.findall(r"^\[ *[\d.]+ s\] \d+\. (.*)$", told, re.MULTILINE)
    assert [title.partition(":")[0].partition(",")[0] for title in chapters] == [
        "A shop on PostgreSQL 18",
        "lint",
        "plan",
        "check",
        "v41 serves",
        "apply --through migrate",
        "v42 starts beside v41",
        "v41 stops",
        "apply --through contract",
        "rollback",
        "apply --through contract",
        "purge --now",
        "The naive way",
        "psql -f 0042_contact.sql",
        "v42 is rolled out",
    ]


def test_contract_fails_half_way_and_is_taken_back(told):
    rest = told.partition("while an analyst's transaction reads orders")[2]
    contract, _, back = rest.partition("rollback, and v41 comes back")
    assert "contract.hide" in contract
    assert "FAILED" in contract
    assert "exit 75" in contract
    assert "analyst" in contract
    assert "taken back" in back
    assert "acknowledged writes that it cannot see: 0" in back


def test_the_figures_hold_for_the_plan_and_not_for_the_naive_way(told):
    failed = re.search(r"^  failed +(\d[\d,]*) +(\d[\d,]*)$", told, re.MULTILINE)
    assert failed[1] == "0"
    assert int(failed[2].replace(",", "")) > 0
    lost = re.search(r"^  acknowledged writes lost +(\d+) ", told, re.MULTILINE)
    assert lost[1] == "0"
    (filled,) = re.findall(r"^    ([\d,]+) rows in", told, re.MULTILINE)
    assert 2_000 < int(filled.replace(",", "")) < 4_000, "all customers, but for those that clients wrote meanwhile"
    assert "both ways end in the same schema" in told


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("A shop on PostgreSQL", signal.SIGINT),
        ("apply --through migrate", signal.SIGINT),
        ("v41 serves", signal.SIGTERM),
    ],
)
def test_ctrl_c_and_terminate_leave_nothing_behind(words, number, folder):
    process = started(folder)
    while words not in line_of(process):
        pass
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []
