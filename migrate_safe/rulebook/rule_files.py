"""Where rules stand: files below a folder, their text not yet understood."""

from __future__ import annotations

from pathlib import Path

from migrate_safe.model.errors import UsageError

_NAME_ONE = "name the folder that holds THEME/RULE.yaml files"


def bundled_rules() -> Path:
    """Find the rules of this installation: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def rule_files(folder: Path) -> tuple[Path, ...]:
    """Give the rule files below a folder, in order of theme and name. Raises UsageError where there are none."""
    if not folder.is_dir():
        raise UsageError(f'no folder of rules "{folder}"', next_move=_NAME_ONE)
    files = tuple(sorted(folder.rglob("*.yaml")))
    if not files:
        raise UsageError(f'no rule in "{folder}"', next_move=_NAME_ONE)
    return files
