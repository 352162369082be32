"""What a branch has changed, asked of git: which files, and which of their lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate_safe.model.errors import UsageError

_FILE = re.compile(r"^diff --git ", re.MULTILINE)
_ALIKE = (
    *("--diff-filter=d", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    "--ignore-submodules=all",
)
"""Both lists of a diff, of names and of texts, are to speak of the same files in the same order."""
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Changed:
    """The changed lines of a file: (first line, how many) for each place; how many is 0 behind a line where some went.

    `whole` says that all of it is new.
    """

    places: tuple[tuple[int, int], ...] = ()
    whole: bool = False

    def touches(self, first: int, last: int) -> bool:
        """Say whether a piece of the file, from its first to its last line, was changed."""
        return self.whole or any(
            start <= last and first < start + count if count else first <= start < last for start, count in self.places
        )


def changed_since(ref: str) -> Mapping[Path, Changed]:
    """Give what differs in the working tree from where its branch left `ref`; paths are resolved.

    Files that git does not know yet are new. Raises UsageError without git, outside of a repository, for a revision
    that is not there, and where a shallow clone does not reach back far enough.
    """
    top = Path(_git(Path(), "rev-parse", "--show-toplevel", wrong="this is no git repository").strip()).resolve()
    base = _merge_base(top, ref)
    names = _git(top, "diff", "--name-only", "-z", *_ALIKE, base).split("\0")[:-1]
    _, *texts = _FILE.split(_git(top, "diff", "--unified=0", *_ALIKE, base))
    news = _git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0")[:-1]
    changed = {top / name: Changed(_places(text)) for name, text in zip(names, texts, strict=True)}
    return changed | {top / name: Changed(whole=True) for name in news}


def _merge_base(top: Path, ref: str) -> str:
    fetch = f"git fetch origin {ref.removeprefix('origin/')}"
    _git(
        top,
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"),
        wrong=f'no revision "{ref}" here',
        next_move=f"{fetch}; a shallow clone in CI has one branch only (actions/checkout: fetch-depth: 0)",
    )
    return _git(
        top,
        *("merge-base", ref, "HEAD"),
        wrong=f'nothing here tells where this branch left "{ref}"',
        next_move="fetch more of the history: git fetch --unshallow (actions/checkout: fetch-depth: 0)",
    ).strip()


def _places(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(count or "1")) for start, count in _HUNK.findall(text))


def _git(folder: Path, *arguments: str, wrong: str = "", next_move: str = "") -> str:
    """Run git and give what it says; where it fails, `wrong` says what that means."""
    import subprocess  # slow to import, and only needed here

    command = ["git", "--literal-pathspecs", *arguments]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot run git: {reason}", next_move="install git, or name the files to lint") from None
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError(": ".join(filter(None, (wrong or "git failed", said))), next_move=next_move)
    return ran.stdout.decode("utf-8", "surrogateescape")
