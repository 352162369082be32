"""A rule as a value: words, condition, advice and the examples that are its tests."""

from __future__ import annotations

from typing import Generic, TypeVar, assert_never

from msgspec import Struct

from migrate_safe.model.finding import Severity
from migrate_safe.model.statement import Wrapping
from migrate_safe.rulebook.facts import Facts, Words

T = TypeVar("T")

# ---- conditions ----------------------------------------------------------------------------


class Is(Struct, frozen=True):
    """A fact has one of the values; a fact that is a set contains one of them."""

    fact: str
    values: tuple[str | bool | int, ...]


class AtLeast(Struct, frozen=True):
    """A fact that is a number is known and not below `least`."""

    fact: str
    least: int


class All(Struct, frozen=True):
    """Every part holds; without parts it always holds."""

    parts: tuple[Condition, ...] = ()


class AnyOf(Struct, frozen=True):
    """At least one part holds."""

    parts: tuple[Condition, ...]


class Not(Struct, frozen=True):
    """The part does not hold."""

    part: Condition


Condition = Is | AtLeast | All | AnyOf | Not

ALWAYS = All()


def holds(condition: Condition, facts: Facts) -> bool:
    """Say whether a condition holds for one set of facts."""
    match condition:
        case Is(fact, values):
            value = getattr(facts, fact)
            return bool(value & set(values)) if isinstance(value, frozenset) else value in values
        case AtLeast(fact, least):
            value = getattr(facts, fact)
            return value is not None and value >= least
        case All(parts):
            return all(holds(part, facts) for part in parts)
        case AnyOf(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
    assert_never(condition)


# ---- words ---------------------------------------------------------------------------------


class Template(Struct, frozen=True):
    """A text with places for words: `literals` has one more entry than `places`."""

    literals: tuple[str, ...]
    places: tuple[str, ...]

    def render(self, words: Words) -> str | None:
        """Fill in the words, or give None when one of them is missing here: no advice beats broken advice."""
        given = [getattr(words, place) for place in self.places]
        if not all(given):
            return None
        return self.literals[0] + "".join(w + rest for w, rest in zip(given, self.literals[1:], strict=True))


WORDS = frozenset(Words.__struct_fields__)
"""Every word that a template may name."""


class Cases(Struct, Generic[T], frozen=True):
    """Alternatives in order, each under a condition; the first that holds is meant."""

    cases: tuple[tuple[Condition, T], ...]

    def pick(self, facts: Facts) -> T | None:
        """Give the first alternative whose condition holds, or None."""
        return next((then for condition, then in self.cases if holds(condition, facts)), None)


# ---- the rule ------------------------------------------------------------------------------


class Example(Struct, frozen=True):
    """A migration that a rule is shown by, on a database in which `given` was run.

    `unseen` ran there too, without the tool's knowledge. `message` and `safe` are what the rule says of a
    bad one; both are empty for a good one. `runner` is what runs it, where that matters.
    """

    sql: str
    bad: bool
    given: str = ""
    unseen: str = ""
    why: str = ""
    near_miss: bool = False
    wrapping: Wrapping = Wrapping.STATEMENT
    runner: str = ""
    postgres: int | None = None
    message: str = ""
    safe: str = ""


class Rule(Struct, frozen=True):
    """One opinion about effects. `id` is the file's stem, `theme` its folder.

    `postgres` is the range of major versions in which it has something to say. It stays silent where
    a rule of `yields_to` speaks about the same action. `once` keeps only its first finding in a file.
    """

    id: str
    theme: str
    title: str
    harm: str
    when: Condition
    severity: Cases[Severity]
    message: Cases[Template]
    safe: Cases[Template]
    manual: str
    examples: tuple[Example, ...]
    hazards: tuple[str, ...] = ()
    recipe: str | None = None
    postgres: tuple[int, int] = (14, 18)
    yields_to: tuple[str, ...] = ()
    once: bool = False
    fixable: bool = False
