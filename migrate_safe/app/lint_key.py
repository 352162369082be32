"""What an answer of lint follows from, as a digest: the tool, its rules, what the user asked, each file in its turn."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b
from pathlib import Path

import msgspec

from migrate_safe.adapters.files import find_histories, is_file, is_folder, read_source
from migrate_safe.adapters.installation import installation
from migrate_safe.app.lint_request import LintRequest, Step
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.framework import Runner
from migrate_safe.model.values import replace
from migrate_safe.rulebook.rule_files import bundled_rules, rule_files

_UNTIL = re.compile(r"migrate-safe:[^\n]*\buntil\b")
_LIKE_A_SERVER = ("=", "://")


def key_of_run(request: LintRequest) -> bytes | None:
    """Give the digest of all that is the same for every file of a run; None where it cannot be told, as of a server."""
    try:
        rules = [path.read_bytes() for path in _rules(request)]
        base = [_base(source) for source in request.schema]
        asked = replace(request, paths=(), since=None, baseline=None, today=None)
        told = (installation(), os.fsencode(Path.cwd()), rules, base, asked)
        return blake2b(msgspec.msgpack.encode(told, enc_hook=repr), digest_size=32).digest()
    except (OSError, UsageError, _Untold, UnicodeEncodeError):
        return None


def key_after(key: bytes, steps: Iterable[Step], today: date | None = None) -> bytes:
    """Give the digest of a run up to and with some files; which day it is counts for those that may speak of one."""
    hasher = blake2b(key, digest_size=32)
    for step in steps:
        read = step.source
        text = (False, read.reason, read.line) if isinstance(read, Unanalysed) else (True, read.text, 0)
        day = today if text[0] and _UNTIL.search(text[1]) else None
        place = (step.wanted, step.ordered, step.among, step.new)
        told = (os.fsencode(step.path), *place, step.wrapping, step.runner, day, *text)
        hasher.update(msgspec.msgpack.encode(told))
    return hasher.digest()


def key_of_schema(key: bytes) -> bytes:
    """Give the key of the schema that is there after the files of a key."""
    return blake2b(key, digest_size=32, person=b"schema").digest()


class _Untold(Exception):
    pass


def _rules(request: LintRequest) -> Iterator[Path]:
    yield from rule_files(bundled_rules())
    if request.rules is not None:
        yield from rule_files(request.rules)


def _base(source: str) -> list[tuple[bytes, str, object]]:
    """Read what the user names as the schema: a file, or a folder of migrations."""
    path = Path(source)
    if is_file(path):
        return [_text(path)]
    if not is_folder(path) or any(mark in source for mark in _LIKE_A_SERVER):
        raise _Untold
    return [_text(file, history.runner(file)) for history, meant in find_histories([path]) for file in meant]


def _text(path: Path, runner: Runner | None = None) -> tuple[bytes, str, object]:
    read = read_source(path)
    if isinstance(read, Unanalysed):
        raise _Untold
    return os.fsencode(path), read.text, runner
