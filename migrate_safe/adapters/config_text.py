"""The text of a settings file: which table in it is ours, and in which line something stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from migrate_safe.adapters.files import decode
from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Unanalysed
from migrate_safe.model.values import replace

PYPROJECT = "pyproject.toml"
OUR_TABLE = ("tool", "migrate_safe")
PATHS = "paths"
"""The key whose value is a list of tables."""


class SettingsText(Struct, frozen=True):
    """The text of a settings file, and the table in it that is ours; None where a pyproject.toml has none."""

    path: Path
    text: str
    table: Mapping[str, Any] | None

    def wrong(self, key: str, message: str, next_move: str = "", *, number: int | None = None) -> UsageError:
        """Make the error about a key; `number` is that of the [[paths]] table in which it stands."""
        return UsageError(message, place=self.place(key, number=number), next_move=next_move)

    def place(self, *keys: str, number: int | None = None) -> str:
        """Give file and line of the last key, as well as it can be told: the first place where it is set or listed.

        Each key is looked for behind the one before it. Of a [[paths]] table in which it is not, the head is given.
        """
        text = self._part(number)
        at, line = 0, 0
        for key in filter(None, keys):
            found = _position(text, key.rpartition(".")[2], at)
            if found is not None:
                at, line = found, text.count("\n", 0, found) + 1
        if not line and number is not None:
            line = len(text) - len(text.lstrip("\n")) + 1 if text.strip() else 0
            return f"{self.path}:{line}" if line else self.place(PATHS)
        if not line:
            return str(self.path)
        return f"{self.path}:{line}"

    def _part(self, number: int | None) -> str:
        """Give the text with nothing in its lines but those of one [[paths]] table, or of all that is none of them."""
        begin = max(0, self.text.find("[tool.migrate_safe")) if self.path.name == PYPROJECT else 0
        kept, now, seen, passed = [], None, -1, 0
        for line in self.text.splitlines(keepends=True):
            header = re.match(r"\s*(\[\[?)\s*(?:tool\s*\.\s*migrate_safe\s*\.)?\s*([^\]]*?)\s*\]", line)
            if header and (header[1], header[2]) == ("[[", PATHS):
                seen += 1
                now = seen
            elif header and not header[2].startswith(f"{PATHS}."):
                now = None
            named = header is not None and header[1] == "[[" and number is None  # the key "paths" itself
            spoken = re.sub(r"""#[^'"\n]*$""", "", line)
            kept.append(spoken if (now == number or named) and passed >= begin else "\n")
            passed += len(line)
        return "".join(kept)


def _position(text: str, key: str, begin: int) -> int | None:
    name = re.escape(key)
    set_here = re.compile(rf"""(?:^|[\s{{,.\["'])({name})["']?\s*[]=.]|["']({name})["']""", re.MULTILINE)
    found = set_here.search(text, begin)
    return None if found is None else found.start(found.lastindex or 0)


def read_settings(path: Path) -> SettingsText:
    """Read a settings file. Raises UsageError for what is no TOML."""
    try:
        source = decode(str(path), path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        move = "name a TOML file with --config, or leave it out"
        raise UsageError(f"cannot read the settings: {reason}", place=str(path), next_move=move) from None
    if isinstance(source, Unanalysed):
        raise UsageError(source.reason, place=f"{path}:{source.line}", next_move="save it as UTF-8")
    try:
        data = tomllib.loads(source.text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UsageError(
            f"not valid TOML: {error}", place=f"{path}:{line[1]}" if line else str(path), next_move="correct it"
        ) from None
    whole = SettingsText(path, source.text, data)
    return whole if path.name != PYPROJECT else replace(whole, table=_ours(whole))


def _ours(whole: SettingsText) -> Mapping[str, Any] | None:
    """Find [tool.migrate_safe] in a pyproject.toml."""
    found: Mapping[str, Any] | None = whole.table
    for at, key in enumerate(OUR_TABLE, start=1):
        value = (found or {}).get(key)
        if value is not None and not isinstance(value, dict):
            name = ".".join(OUR_TABLE[:at])
            raise whole.wrong(key, f'in "{name}": must be a table, not {value!r}', "write [tool.migrate_safe]")
        found = value
    return found
