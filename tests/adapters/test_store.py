"""The cache gives back what was put into it, or nothing; whatever became of its files, and whoever owns its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate_safe.adapters.store import VARIABLE, Store, open_store
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, Schema, Table, TypeName

KEY, OTHER = b"k" * 32, b"o" * 32
USERS = Table(Name("public", "users"), columns=(Column("id", TypeName("bigint")),))
VALUE = Schema(tables={USERS.name: USERS}, absent=frozenset({Name("public", "gone")}))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    opened = open_store()
    assert opened is not None
    return opened


def only_file(store: Store) -> Path:
    [path] = store.folder.iterdir()
    return path


def test_a_value_comes_back_and_only_under_its_key(store: Store) -> None:
    store.put(KEY, VALUE)
    assert store.get(KEY, Schema) == VALUE
    assert store.get(OTHER, Schema) is None


def test_a_value_of_another_type_is_none(store: Store) -> None:
    store.put(KEY, VALUE)
    assert store.get(KEY, Table) is None


def test_what_cannot_be_kept_is_not(store: Store) -> None:
    store.put(KEY, object())
    store.put(KEY, "a name that is no text: \udcff")
    assert list(store.folder.iterdir()) == []


def test_no_damaged_byte_goes_unseen(store: Store) -> None:
    store.put(KEY, VALUE)
    path = only_file(store)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert store.get(KEY, Schema) is None
        path.write_bytes(whole[:place])
        assert store.get(KEY, Schema) is None
    path.write_bytes(whole)
    assert store.get(KEY, Schema) == VALUE


def test_a_value_under_the_name_of_another_key_is_none(store: Store) -> None:
    store.put(KEY, VALUE)
    path = only_file(store)
    path.rename(path.with_name(path.name.replace(KEY.hex(), OTHER.hex())))
    assert store.get(OTHER, Schema) is None


def test_something_else_in_the_place_of_a_value(store: Store) -> None:
    store.put(KEY, VALUE)
    path = only_file(store)
    path.unlink()
    path.mkdir()
    assert store.get(KEY, Schema) is None
    store.put(KEY, VALUE)
    store.tidy()


def test_a_folder_that_is_gone(store: Store) -> None:
    store.folder.rmdir()
    store.put(KEY, VALUE)
    store.tidy()
    assert store.get(KEY, Schema) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="who owns a folder is asked where that can be told")
def test_a_folder_that_others_may_write_to_is_left_alone(store: Store) -> None:
    store.put(KEY, VALUE)
    store.folder.chmod(0o777)
    assert open_store() is None
    store.folder.chmod(0o700)
    assert open_store() is not None


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_left_alone(store: Store) -> None:
    os.chown(store.folder, 12345, 12345)
    assert open_store() is None


def test_no_folder_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below", "nul\0"):
        if "\0" not in place:
            monkeypatch.setenv(VARIABLE, str(tmp_path / place))
            assert open_store() is None


def test_the_users_caches_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened = open_store()
    assert opened is not None
    assert opened.folder == tmp_path / "migrate-safe"
    assert opened.folder.stat().st_mode & 0o777 == 0o700


def test_what_was_not_used_for_longest_goes_first(store: Store) -> None:
    for number in range(4):
        store.put(bytes([number]) * 32, VALUE)
        path = store.folder / f"{(bytes([number]) * 32).hex()}.kept"
        os.utime(path, (1000 + number, 1000 + number))
    assert store.get(bytes([0]) * 32, Schema) == VALUE  # used just now
    size = path.stat().st_size
    Store(store.folder, limit=2 * size).tidy()
    left = [n for n in range(4) if store.get(bytes([n]) * 32, Schema) is not None]
    assert left == [0, 3]
