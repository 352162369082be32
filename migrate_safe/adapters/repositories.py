"""The git repositories that paths lie in, and what git says of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from migrate_safe.adapters.files import is_folder
from migrate_safe.model.errors import UsageError

_POINTERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_LITERAL_PATHSPECS")
"""Variables by which a hook of one repository would have git take it for every other one."""
_BRANCH = re.compile(r"(?!HEAD\b)(?![0-9a-f]{7,40}\Z)[^\W_][\w./+-]*\Z")
_ALL = "fetch more of the history: git fetch --unshallow (actions/checkout: fetch-depth: 0)"


def repositories_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Give the top folder of the repository that each path lies in, the nearest one above it; without paths: here.

    Raises UsageError without git, and for a path outside of any repository.
    """
    holders = dict.fromkeys(_holder(path) for path in paths or (Path(),))
    found = (git(holder, "rev-parse", "--show-toplevel", wrong="this is no git repository") for holder in holders)
    return tuple(dict.fromkeys(Path(top.removesuffix("\n")).resolve() for top in found))


def merge_base(top: Path, ref: str) -> str:
    """Give the commit where the branch that is checked out left a revision."""
    if not _is_commit(top, ref):
        raise UsageError(f'no revision "{ref}" here{_in(top)}', next_move=_way_to(top, ref))
    return git(
        top,
        *("merge-base", ref, "HEAD"),
        wrong=f'nothing here tells where this branch left "{ref}"',
        next_move=_ALL,
    ).strip()


def git(folder: Path, *arguments: str, wrong: str = "", next_move: str = "") -> str:
    """Run git and give what it says; where it fails, `wrong` says what that means."""
    said, error = _ran(folder, *arguments)
    if error is not None:
        raise UsageError(": ".join(filter(None, (wrong or "git failed", error))), next_move=next_move)
    return said


# ---- below -----------------------------------------------------------------------------------


def _holder(path: Path) -> Path:
    """Give the nearest folder at or above a path that holds a `.git`."""
    real = path.resolve()
    folder = real if is_folder(real) else real.parent
    for each in (folder, *folder.parents):
        if os.path.lexists(each / ".git"):
            return each
    if path == Path():
        return folder
    raise UsageError(f'"{path}" lies in no git repository', next_move="lint it without --since")


def _in(top: Path) -> str:
    return "" if Path.cwd().is_relative_to(top) else f' in "{top}"'


def _way_to(top: Path, ref: str) -> str:
    """Say how to come by a revision that is not there."""
    if not _is_commit(top, "HEAD"):
        return "nothing is committed here yet: lint without --since"
    remote, _, branch = ref.partition("/")
    if not branch or remote not in git(top, "remote").split():
        remote, branch = "origin", ref
    if _BRANCH.match(branch):
        fetch = f"git fetch {remote} {branch}"
        return f"{fetch}; a shallow clone in CI has one branch only (actions/checkout: fetch-depth: 0)"
    if ref and not ref.startswith("-") and git(top, "rev-parse", "--is-shallow-repository").strip() == "true":
        return _ALL
    return "name a branch or commit that git knows, as --since origin/main (git branch --all lists the branches)"


def _is_commit(top: Path, ref: str) -> bool:
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return _ran(top, *asked)[1] is None


def _ran(folder: Path, *arguments: str) -> tuple[str, str | None]:
    """Run git: give what it says, and what it complains of where it fails."""
    import subprocess  # slow to import, and only needed here

    command = ["git", *arguments]
    around = {name: value for name, value in os.environ.items() if name not in _POINTERS}
    try:
        ran = subprocess.run(command, cwd=folder, env=around, capture_output=True, check=False)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot run git: {reason}", next_move="install git, or name the files to lint") from None
    said, complaint = (part.decode("utf-8", "surrogateescape") for part in (ran.stdout, ran.stderr))
    return said, complaint.strip().removeprefix("fatal: ") if ran.returncode else None
