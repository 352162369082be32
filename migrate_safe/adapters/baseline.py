"""The baseline file: findings that were there when a project began to lint, known by their fingerprints."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from migrate_safe.adapters.files import decode, write_text
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Finding, Unanalysed
from migrate_safe.model.values import replace
from migrate_safe.report.file_names import shown
from migrate_safe.report.identity import fingerprints

FORMAT = "migrate-safe/baseline/1"
_ANEW = "write it anew with --write-baseline"


def not_in_baseline(path: Path, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Give the findings that a baseline file does not know; raises UsageError for a file that is none."""
    known = _read(path)
    return tuple(f for f, mark in zip(findings, _marks(path, findings), strict=True) if mark not in known)


def write_baseline(path: Path, findings: Sequence[Finding]) -> None:
    """Write a baseline file that knows these findings; for people it names rule, file and line of each."""
    known = [
        {"fingerprint": mark, "rule": f.rule, "file": shown(_from(path, f.span.file)), "line": f.span.line}
        for f, mark in zip(findings, _marks(path, findings), strict=True)
    ]
    write_text(path, json.dumps({"format": FORMAT, "findings": known}, indent=2, ensure_ascii=False) + "\n")


def _marks(path: Path, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Fingerprint findings by files as seen from the baseline file, from wherever the command was given."""
    return fingerprints([replace(f, span=replace(f.span, file=_from(path, f.span.file))) for f in findings])


def _from(path: Path, file: str) -> str:
    return Path(os.path.relpath(file, path.resolve().parent)).as_posix()


def _read(path: Path) -> frozenset[str]:
    try:
        source = decode(str(path), path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read the baseline: {reason}", place=str(path), next_move=_ANEW) from None
    if isinstance(source, Unanalysed):
        raise UsageError(source.reason, place=f"{path}:{source.line}", next_move=_ANEW)
    try:
        data = json.loads(source.text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise UsageError(f"the baseline is no JSON: {error}", place=f"{path}:{line}", next_move=_ANEW) from None
    try:
        if data["format"] != FORMAT:
            raise ValueError(data["format"])
        return frozenset(str(known["fingerprint"]) for known in data["findings"])
    except (LookupError, TypeError, ValueError):
        raise UsageError(f'this is no baseline of the form "{FORMAT}"', place=str(path), next_move=_ANEW) from None
