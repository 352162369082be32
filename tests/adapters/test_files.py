"""Reading files whatever their bytes are, and the order of migrations."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate_safe.adapters.files import LARGEST, decode, find_histories, history_of, is_down, read_source
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.source import Source

NOBODY = 65534


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"SELECT 1;\n\xff\n", 2, "is not UTF-8: byte 0xff at offset 10"),
        (b"\xef\xbb\xbfSELECT\n\n\xe9;", 3, "is not UTF-8: byte 0xe9 at offset 11"),
        (b"SELECT\n\0", 2, "is not text: a NUL byte at offset 7"),
        ("SELECT 1".encode("utf-16"), 1, "is UTF-16, not UTF-8: save it as UTF-8"),
    ],
)
def test_what_is_not_text_is_reported_with_its_place(data, line, reason):
    assert decode("x.sql", data) == Unanalysed("x.sql", line, reason)


@pytest.mark.parametrize("text", ["", "SELECT 'é';\r\n", "\ufeffSELECT 1"])
def test_text_is_kept_as_it_is_without_the_byte_order_mark(text):
    assert decode("x.sql", text.encode()) == Source("x.sql", text.removeprefix("\ufeff"))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_are_too_odd_to_be_read_or_reported(data):
    found = decode("x.sql", data)
    if isinstance(found, Source):
        assert found.text.encode() == data.removeprefix(b"\xef\xbb\xbf")
    else:
        assert 1 <= found.line <= data.count(b"\n") + 1


def test_what_is_too_large_is_not_read(tmp_path: Path):
    with (tmp_path / "1.sql").open("wb") as file:
        file.truncate(LARGEST + 1)
    found = read_source(tmp_path / "1.sql")
    assert isinstance(found, Unanalysed)
    assert "is larger than 20 MB" in found.reason
    (tmp_path / "2.sql").write_bytes(b" " * LARGEST)
    assert isinstance(read_source(tmp_path / "2.sql"), Source)


def test_links_that_lead_nowhere_are_reported(tmp_path: Path):
    (tmp_path / "a.sql").symlink_to(tmp_path / "a.sql")
    (tmp_path / "b.sql").symlink_to(tmp_path / "gone")
    assert "symbolic links" in str(read_source(tmp_path / "a.sql").reason)
    assert "no such file" in str(read_source(tmp_path / "b.sql").reason)
    [(_, meant)] = find_histories([tmp_path])
    assert [f.name for f in meant] == ["a.sql", "b.sql"]


def test_a_folder_that_holds_itself_is_walked_once(tmp_path: Path):
    (tmp_path / "a.sql").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    [(_, meant)] = find_histories([tmp_path])
    assert [f.name for f in meant] == ["a.sql"]


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("SELECT 1;")


@pytest.mark.parametrize(
    "names",
    [
        ["1_a.sql", "2_b.sql", "10_c.sql"],
        ["V1__a.sql", "V1.2__b.sql", "V1.10__c.sql", "V2__a.sql", "R__views.sql"],
        ["20230101_x.sql", "20230102_a.sql", "20231231_b.sql"],
        ["0001_a.up.sql", "0001_a.down.sql", "0002_b.up.sql", "0002_b.down.sql"],
        ["2023_a/migration.sql", "2024_b/migration.sql"],
        ["20240101120000_a/migration.sql", "20250625_b/migration.sql", "20250625093000_c/migration.sql"],
        ["2023-01-01-000000_a/up.sql", "2023-01-01-000000_a/down.sql", "2024-01-01-000000_b/up.sql"],
        ["20160101000000_a/up.sql", "2017-03-20-171841_b/up.sql", "20180101000000_c/up.sql"],
        ["001.sql", "002.sql", "schema.sql"],
        ["V1__a.sql", "U1__a.sql", "V2__b.sql"],
    ],
)
def test_migrations_come_in_the_order_in_which_they_run(tmp_path: Path, names):
    make(tmp_path, *reversed(names))
    assert [str(f.relative_to(tmp_path)) for f in history_of(tmp_path).files] == names


def test_what_ran_before_a_file(tmp_path: Path):
    make(tmp_path, "1_a.up.sql", "1_a.down.sql", "2_b.up.sql", "2_b.down.sql", "3_c.up.sql")
    history = history_of(tmp_path)

    def before(name: str) -> list[str]:
        return [f.name for f in history.before(tmp_path / name)]

    assert before("1_a.up.sql") == []
    assert before("2_b.up.sql") == ["1_a.up.sql"]
    assert before("2_b.down.sql") == ["1_a.up.sql", "2_b.up.sql"]
    assert before("1_a.down.sql") == ["1_a.up.sql"]
    assert before("3_c.up.sql") == ["1_a.up.sql", "2_b.up.sql"]


def test_a_file_brings_its_folder_as_history_and_folders_stay_apart(tmp_path: Path):
    make(tmp_path, "shop/1.sql", "shop/2.sql", "blog/1.sql")
    found = find_histories([tmp_path / "shop/2.sql", tmp_path / "blog"])
    assert [(h.root.name, len(h.files), [f.name for f in meant]) for h, meant in found] == [
        ("shop", 2, ["2.sql"]),
        ("blog", 1, ["1.sql"]),
    ]


def test_folders_named_by_versions_are_one_history(tmp_path: Path):
    names = ["v2/01_b.sql", "v2/drop.sql", "v2.1/a.sql", "v10/01_c.sql"]
    make(tmp_path, *reversed(names), "other/1.sql", "readme.sql")
    [(history, meant)] = find_histories([tmp_path / "v10"])
    assert [str(f.relative_to(tmp_path)) for f in history.before(*meant)] == names[:3]
    assert len(find_histories([tmp_path])) == 2


def test_folders_of_versions_that_hold_the_same_are_several_histories(tmp_path: Path):
    make(tmp_path, "14/1_a.sql", "14/2_b.sql", "15/1_a.sql", "15/2_b.sql", "15/3_c.sql")
    assert [h.root.name for h, _ in find_histories([tmp_path])] == ["14", "15"]


def test_names_without_a_number_tell_no_order(tmp_path: Path):
    make(tmp_path, "1_a.sql", "schema.sql", "V2__b.sql")
    history = history_of(tmp_path)
    assert history.before(tmp_path / "schema.sql") == ()
    assert [f.name for f in history.before(tmp_path / "V2__b.sql")] == ["1_a.sql"]


def test_files_of_other_databases_are_left_out_of_folders_but_not_when_named(tmp_path: Path):
    make(tmp_path, "1_a.postgres.up.sql", "1_a.mysql.up.sql", "1_a.sqlite3.up.sql", "1_a.cockroach.up.sql")
    [(_, meant)] = find_histories([tmp_path])
    assert [f.name for f in meant] == ["1_a.postgres.up.sql"]
    [(_, meant)] = find_histories([tmp_path / "1_a.mysql.up.sql"])
    assert [f.name for f in meant] == ["1_a.mysql.up.sql"]


def test_a_file_named_without_sql_is_still_meant(tmp_path: Path):
    make(tmp_path, "1.sql", "2_migration.txt")
    [(history, meant)] = find_histories([tmp_path / "2_migration.txt"])
    assert [f.name for f in meant] == ["2_migration.txt"]
    assert [f.name for f in history.before(tmp_path / "2_migration.txt")] == ["1.sql"]


@pytest.mark.parametrize("name", ["nowhere.sql", "empty"])
def test_nothing_to_lint_is_an_error_that_says_what_to_name(tmp_path: Path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        find_histories([tmp_path / name])
    assert caught.value.next_move


@pytest.mark.parametrize(
    ("name", "down"),
    [
        ("1.down.sql", True),
        ("down.sql", True),
        ("1_down.sql", False),
        ("U2__x.sql", True),
        ("1.up.sql", False),
        ("countdown.sql", False),
        ("Users.sql", False),
        ("shutdown_jobs.sql", False),
    ],
)
def test_down_files_are_told_by_name(name, down):
    assert is_down(Path("d") / name) is down


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path):
    make(tmp_path, "1.sql")
    os.mkfifo(tmp_path / "2.sql")
    [(_, meant)] = find_histories([tmp_path])
    assert [f.name for f in meant] == ["1.sql"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may look into, seen by one who is not root: root may read everything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for found in folder.iterdir():
            found.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def as_owner() -> Iterator[None]:
    """Be root for a moment, where one was."""
    mine = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.parametrize(
    ("closed", "mode", "named", "unread"),
    [
        ("m", 0o000, "m", "m"),
        ("m", 0o300, "m", "m"),
        ("m", 0o444, "m", "m/1.sql"),
        ("m/sub", 0o000, "m", "m/sub"),
        ("m/1.sql", 0o000, "m", "m/1.sql"),
    ],
)
def test_what_may_not_be_read_is_reported_and_hides_nothing(place: Path, closed, mode, named, unread):
    with as_owner():
        make(place, "m/1.sql", "m/sub/2.sql")
        (place / closed).chmod(mode)
    sources = {f: read_source(f) for _, meant in find_histories([place / named]) for f in meant}
    refused = sources[place / unread]
    assert isinstance(refused, Unanalysed)
    assert refused.reason == "cannot be read: permission denied"


@pytest.mark.parametrize("name", ["m/1.sql", "x" * 300])
def test_a_path_that_cannot_be_looked_at_is_an_error(place: Path, name):
    with as_owner():
        make(place, "m/1.sql")
        (place / "m").chmod(0)
    with pytest.raises(UsageError, match=r"permission denied|name too long"):
        find_histories([place / name])


def test_a_folder_with_the_name_of_a_file_is_a_folder(tmp_path: Path):
    make(tmp_path, "1.sql/2.sql")
    [(_, meant)] = find_histories([tmp_path])
    assert [f.name for f in meant] == ["2.sql"]
