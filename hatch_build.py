"""What the wheel gets that no checkout has: the rules in one file that is quick to read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledRules(BuildHookInterface):  # type: ignore[misc]
    """Compile the rules into the folder that they have in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file beside other results of builds, and name it for the wheel; an editable install has none."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        from migrate_safe.rulebook.compiled import COMPILED, compile_rules

        made = Path(self.directory) / COMPILED
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(json.dumps(compile_rules(root / "rules")), encoding="utf-8")
        build_data["force_include"][str(made)] = f"migrate_safe/rules/{COMPILED}"
