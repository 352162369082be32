"""Which rules speak of a file, and how loud: what the settings say, in order."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.preferences import Preferences, SmallTable, level_of
from migrate_safe.model.values import replace
from migrate_safe.rulebook.match import Bench
from migrate_safe.rulebook.rule import ALWAYS, Cases, Rule


class Choice(Struct, frozen=True):
    """All rules with the severities that the user set, and the names of those that are switched off."""

    rules: tuple[Rule, ...]
    silent: frozenset[str]
    small: SmallTable | None = None
    """Up to which size tables are small in that file's eyes."""
    benches: dict[int | None, Bench] = field(default_factory=dict)
    """The rules together, for each major version that was asked for."""

    def bench(self, version: int | None) -> Bench:
        """Call the rules together for a server's major version, or where it is not known."""
        if version not in self.benches:
            self.benches[version] = Bench.of(self.rules, version=version, silent=self.silent)
        return self.benches[version]


class Choices(Struct, frozen=True):
    """The rules of a run, and what the settings say of them for each file."""

    rules: tuple[Rule, ...]
    preferences: tuple[Preferences, ...]
    made: dict[tuple[int, ...], Choice] = field(default_factory=dict)
    """The choice for each combination of tables that has met a file."""

    @classmethod
    def of(cls, rules: tuple[Rule, ...], preferences: tuple[Preferences, ...]) -> Choices:
        """Check that every name in the settings is that of a rule or theme, else raise UsageError with its line."""
        names = {name for rule in rules for name in (rule.id, rule.theme)}
        for table in preferences:
            for name in (*table.disable, *table.severity):
                if name not in names:
                    raise _unknown(name, names, table)
        return cls(rules, preferences)

    def for_file(self, path: Path) -> Choice:
        """Give the rules as the tables that mean a file set them."""
        meant = tuple(number for number, table in enumerate(self.preferences) if table.speaks_of(path))
        if meant not in self.made:
            self.made[meant] = _choice(self.rules, [self.preferences[number] for number in meant])
        return self.made[meant]


def _choice(rules: Sequence[Rule], tables: Sequence[Preferences]) -> Choice:
    levels = {rule.id: level_of(rule.id, rule.theme, tables) for rule in rules}
    silent = frozenset(name for name, level in levels.items() if level is False)
    small = next((table.small_table for table in reversed(tables) if table.small_table is not None), None)
    return Choice(tuple(_with_severity(rule, levels[rule.id]) for rule in rules), silent, small)


def _with_severity(rule: Rule, level: Severity | bool | None) -> Rule:
    return replace(rule, severity=Cases(((ALWAYS, level),))) if isinstance(level, Severity) else rule


def _unknown(name: str, valid: set[str], table: Preferences) -> UsageError:
    key = "disable" if name in table.disable else "severity"
    near = difflib.get_close_matches(name, valid, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "see the names: migrate-safe explain"
    return UsageError(f'in "{key}": no rule or theme "{name}"', place=table.places.get(name, ""), next_move=hint)
