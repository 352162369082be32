"""What a branch has changed, asked of git: which files, and which of their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from migrate_safe.adapters.files import is_file
from migrate_safe.adapters.repositories import git, merge_base, repositories_of
from migrate_safe.model.marks import AUTOCOMMIT, COMMENT, is_down_by_name, named_framework
from migrate_safe.model.values import replace

_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
_ALIKE = (*_PLAIN, "--diff-filter=dt", "--find-renames", "-l0", "--text")
"""Both lists of a diff, of names and of texts, are to speak of the same files in the same order.

Whatever attributes say, a file is text, and one that was only moved has no changed lines. One that is a link now and
was none, or the other way round, would be in the texts twice.
"""
_FILE = re.compile(r"^diff --git ", re.MULTILINE)
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@[^\n]*\n((?:[-+\\][^\n]*(?:\n|\Z))*)", re.MULTILINE)
_EDITED = re.compile(r"^[-+][ \t\ufeff]*(--[^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_FREED = re.compile(r"^-[^\n]*migrate[-_ ]?safe[^\n]*?\bignore(-file)?\b", re.MULTILINE | re.IGNORECASE)
_DIESEL = ("metadata.toml", ("up.sql", "down.sql"))


class Changed(Struct, frozen=True):
    """The changed lines of a file: (first line, how many) for each place; how many is 0 behind a line where some went.

    `whole` says that all of it counts as changed, `new` that there was no such file.
    """

    places: tuple[tuple[int, int], ...] = ()
    whole: bool = False
    new: bool = False

    def touches(self, first: int, last: int) -> bool:
        """Say whether a piece of the file, from its first to its last line, was changed."""
        return self.whole or any(
            start <= last and first < start + count if count else first <= start < last for start, count in self.places
        )


def changed_since(ref: str, paths: Sequence[Path] = ()) -> Mapping[Path, Changed]:
    """Give what differs in the working tree from where its branch left `ref`; paths are resolved.

    That is asked of the repositories in which `paths` lie, or of the one here. Files that git does not know yet are
    new, among them files of `paths` that it is told to ignore. Raises UsageError without git, outside of a repository,
    for a revision that is not there, and where a shallow clone does not reach back far enough.
    """
    named = [path.resolve() for path in paths]
    found: dict[Path, Changed] = {}
    for top in repositories_of(paths):
        found |= _changed_in(top, merge_base(top, ref), named)
    return found


# ---- below -----------------------------------------------------------------------------------


def _changed_in(top: Path, base: str, named: Iterable[Path]) -> dict[Path, Changed]:
    every = dict(_pairs(git(top, "diff", "--name-status", "-z", "--no-renames", *_PLAIN, base)))
    files_named = [path for path in named if path.is_relative_to(top) and is_file(path)]
    literal = [f":(literal){path.relative_to(top)}" for path in files_named]
    wanted = (":(glob,icase)**/*.sql", *literal)
    news = _listed(top, "--exclude-standard") + (_listed(top, "--", *literal) if literal else [])
    files = _edited(top, base, wanted)
    files |= {name: Changed(whole=True) for name, status in every.items() if status == "T"}
    files |= {name: Changed(whole=True, new=True) for name in news}
    for name in _described(top, (*every, *news)):
        files[name] = replace(files.get(name, Changed()), whole=True)
    return {top / name: changed for name, changed in files.items()}


def _listed(top: Path, *which: str) -> list[str]:
    """Give files that git does not know; without `--exclude-standard` also those that it is told to ignore."""
    return git(top, "ls-files", "--others", "-z", *which).split("\0")[:-1]


def _edited(top: Path, base: str, wanted: Sequence[str]) -> dict[str, Changed]:
    """Give the files that are there with other lines, or under other names."""
    moves = tuple(_moves(git(top, "diff", "--name-status", "-z", *_ALIKE, base, "--", *wanted)))
    if not moves:
        return {}
    _, *texts = _FILE.split(git(top, "diff", "--unified=0", *_ALIKE, base, "--", *wanted))
    return {
        new: Changed(_places(text), status == "A" or _means_another(old, new, text), status == "A")
        for (status, old, new), text in zip(moves, texts, strict=True)
    }


def _pairs(listed: str) -> Iterator[tuple[str, str]]:
    """Give name and status of each file in a list."""
    fields = listed.split("\0")[:-1]
    yield from zip(fields[1::2], fields[::2], strict=True)


def _moves(listed: str) -> Iterator[tuple[str, str, str]]:
    """Give status, old and new name of each file in a list that knows of renames."""
    fields = iter(listed.split("\0")[:-1])
    for status in fields:
        old = next(fields)
        yield status[0], old, next(fields) if status[0] in "RC" else old


def _means_another(old: str, new: str, text: str) -> bool:
    """Say whether a file runs differently as a whole: a mark of its runner in it, or its name, is not what it was."""
    if any(asked(old) != asked(new) for asked in (AUTOCOMMIT.findall, named_framework, is_down_by_name)):
        return True
    marked = any(COMMENT.match(found[1]) for found in _EDITED.finditer(text))
    return marked or any(found[1] for found in _FREED.finditer(text))


def _places(text: str) -> tuple[tuple[int, int], ...]:
    """Give the changed lines, and the one behind a comment that silenced a rule and is gone."""
    found = []
    for start, count, body in _HUNK.findall(text):
        first, lines = int(start), int(count or "1")
        found.append((first, lines))
        if _FREED.search(body):
            found.append((first + max(lines, 1), 1))
    return tuple(found)


def _described(top: Path, names: Iterable[str]) -> Iterator[str]:
    """Give the migrations whose own settings, in a file beside them, are among the changed files."""
    for name in names:
        if name.endswith(".sql.conf"):
            beside = [name.removesuffix(".conf")]
        elif Path(name).name == _DIESEL[0]:
            beside = [str(Path(name).with_name(each)) for each in _DIESEL[1]]
        else:
            continue
        yield from (each for each in beside if is_file(top / each))
