"""Read rules from YAML, strictly: what is not understood is an error with its file, place and nearest name."""

from __future__ import annotations

import difflib
import string
import types
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Struct

from migrate_safe.model.errors import UsageError
from migrate_safe.model.finding import Severity
from migrate_safe.model.framework import Framework
from migrate_safe.model.statement import Wrapping
from migrate_safe.rulebook.facts import Facts
from migrate_safe.rulebook.plain_yaml import read_yaml
from migrate_safe.rulebook.rule import (
    ALWAYS,
    WORDS,
    All,
    AnyOf,
    AtLeast,
    Cases,
    Condition,
    Example,
    Is,
    Not,
    Rule,
    Template,
)
from migrate_safe.rulebook.rule_files import bundled_rules, rule_files

T = TypeVar("T")

RULE_KEYS = (
    "title harm when severity message safe manual hazards recipe postgres yields_to once fixable examples".split()
)
REQUIRED_KEYS = "title harm when severity message manual examples".split()
EXAMPLE_KEYS = "bad good given unseen why near_miss wrapping runner postgres message safe".split()


def load_rules(directory: Path | None = None) -> tuple[Rule, ...]:
    """Read every rule below a folder, in order of theme and name; without one, those that ship with the tool.

    Those of a folder may yield to others that they will stand beside: see `check_together`. Raises UsageError that
    names the file, the key and the nearest valid name.
    """
    if directory is None:
        return check_together(tuple(read_rule(path) for path in rule_files(bundled_rules())))
    return check_names(tuple(read_rule(path) for path in rule_files(directory)))


def check_names(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Refuse rules that share a name."""
    names = [rule.id for rule in rules]
    for rule in rules:
        if names.count(rule.id) > 1:
            raise UsageError(f'two rules are named "{rule.id}"', next_move="rename one of their files")
    return rules


def check_together(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Refuse rules that share a name or yield to a rule that does not exist."""
    names = [rule.id for rule in check_names(rules)]
    for rule in rules:
        for other in rule.yields_to:
            _one_of(other, names, _Place(f"rule {rule.id}", "yields_to"), "rule")
    return rules


def read_rule(path: Path) -> Rule:
    """Read one rule file."""
    return rule_of(path, read_data(path))


def read_data(path: Path) -> object:
    """Read one rule file as plain mappings and lists, not yet understood."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the rule: {error}", place=str(path)) from error


def rule_of(path: Path, data: object) -> Rule:
    """Understand what a rule file says."""
    place = _Place(str(path), "")
    return _rule(_mapping(data, RULE_KEYS, place), path, place)


# ---- the parts of a rule -------------------------------------------------------------------


class _Place(Struct, frozen=True):
    file: str
    key: str

    def at(self, key: str | int) -> _Place:
        if isinstance(key, int):
            return _Place(self.file, f"{self.key}[{key}]")
        return _Place(self.file, f"{self.key}.{key}" if self.key else key)

    def wrong(self, message: str, next_move: str = "") -> UsageError:
        where = f'in "{self.key}": ' if self.key else ""
        return UsageError(where + message, place=self.file, next_move=next_move)


def _rule(data: Mapping[str, Any], path: Path, place: _Place) -> Rule:
    for key in REQUIRED_KEYS:
        if key not in data:
            raise place.wrong(f'the key "{key}" is missing')
    return Rule(
        id=path.stem,
        theme=path.parent.name,
        title=_text(data["title"], place.at("title")),
        harm=_text(data["harm"], place.at("harm")),
        when=_condition(data["when"], place.at("when")),
        severity=_cases(data["severity"], _severity, place.at("severity")),
        message=_cases(data["message"], _template, place.at("message")),
        safe=_cases(data.get("safe", []), _template, place.at("safe")),
        manual=_text(data["manual"], place.at("manual")),
        examples=tuple(_example(e, place.at("examples").at(i)) for i, e in enumerate(_list(data, "examples", place))),
        hazards=_texts(data, "hazards", place),
        recipe=_text(data["recipe"], place.at("recipe")) if data.get("recipe") else None,
        postgres=_versions(data.get("postgres", "14-18"), place.at("postgres")),
        yields_to=_texts(data, "yields_to", place),
        once=_flag(data, "once", place),
        fixable=_flag(data, "fixable", place),
    )


def _example(data: Any, place: _Place) -> Example:
    found = _mapping(data, EXAMPLE_KEYS, place)
    if ("bad" in found) == ("good" in found):
        raise place.wrong('an example has either "bad" or "good"')
    bad = "bad" in found
    if bad and "message" not in found:
        raise place.wrong('a bad example needs the "message" that it gives')
    texts = {k: _text(found[k], place.at(k)) for k in ("given", "unseen", "why", "message", "safe") if found.get(k)}
    wrapping = _one_of(found.get("wrapping", "statement"), list(Wrapping), place.at("wrapping"), "wrapping")
    return Example(
        sql=_text(found["bad" if bad else "good"], place),
        bad=bad,
        near_miss=_flag(found, "near_miss", place),
        wrapping=Wrapping(wrapping),
        runner=_one_of(found.get("runner", ""), ["", *Framework], place.at("runner"), "runner"),
        postgres=_number(found["postgres"], place.at("postgres")) if "postgres" in found else None,
        **texts,
    )


def _cases(data: Any, read: Callable[[Any, _Place], T], place: _Place) -> Cases[T]:
    if not isinstance(data, list):
        return Cases(((ALWAYS, read(data, place)),))
    cases = []
    for i, entry in enumerate(data):
        here = place.at(i)
        found = _mapping(entry, ["when", "then"], here)
        if "then" not in found:
            raise here.wrong('the key "then" is missing')
        condition = _condition(found["when"], here.at("when")) if "when" in found else ALWAYS
        cases.append((condition, read(found["then"], here.at("then"))))
    return Cases(tuple(cases))


def _condition(data: Any, place: _Place) -> Condition:
    vocabulary = ["all", "any", "not", *_FACTS]
    parts: list[Condition] = []
    for key, value in _mapping(data, vocabulary, place, "fact").items():
        here = place.at(key)
        match key:
            case "all" | "any":
                if not isinstance(value, list):
                    raise here.wrong("must be a list of conditions")
                inner = tuple(_condition(part, here.at(i)) for i, part in enumerate(value))
                parts.append(All(inner) if key == "all" else AnyOf(inner))
            case "not":
                parts.append(Not(_condition(value, here)))
            case fact:
                parts.append(_fact(fact, value, here))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _fact(fact: str, value: Any, place: _Place) -> Condition:
    if isinstance(value, dict):
        found = _mapping(value, ["at_least"], place)
        if _FACTS[fact] is not int:
            raise place.wrong(f'"{fact}" is not a number')
        return AtLeast(fact, _number(found.get("at_least"), place.at("at_least")))
    values = value if isinstance(value, list) else [value]
    return Is(fact, tuple(_fact_value(_FACTS[fact], v, place) for v in values))


def _fact_value(kind: type, value: Any, place: _Place) -> str | bool | int:
    if issubclass(kind, StrEnum):
        return _one_of(value, [str(v) for v in kind], place, "value")
    if type(value) is not kind:
        raise place.wrong(f"must be {'true or false' if kind is bool else 'a number'}, not {value!r}")
    assert isinstance(value, (bool, int))
    return value


def _template(data: Any, place: _Place) -> Template:
    text = _text(data, place)
    literals, places = [""], []
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise place.wrong(f"not a template: {error}", 'write a brace itself as "{{" or "}}"') from error
    for literal, word, form, conversion in pieces:
        literals[-1] += literal
        if word is None:
            continue
        if form or conversion:
            raise place.wrong(f'the word "{word}" takes no format')
        places.append(_one_of(word, sorted(WORDS), place, "word"))
        literals.append("")
    return Template(tuple(literals), tuple(places))


def _severity(data: Any, place: _Place) -> Severity:
    return Severity(_one_of(data, list(Severity), place, "severity"))


def _versions(data: Any, place: _Place) -> tuple[int, int]:
    first, _, last = str(data).partition("-")
    if not (first.isdigit() and (last or first).isdigit()):
        raise place.wrong(f'must be a range of major versions such as "14-18", not {data!r}')
    return int(first), int(last or first)


# ---- plain values --------------------------------------------------------------------------


def _kind_of(hint: Any) -> type:
    """Give the plain type behind a fact's annotation: the member of a set, the value of an optional."""
    if get_origin(hint) is frozenset:
        hint = get_args(hint)[0]
    if isinstance(hint, types.UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    assert isinstance(hint, type)
    return hint


_FACTS: dict[str, type] = {name: _kind_of(hint) for name, hint in get_type_hints(Facts).items()}


_KINDS = {
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}


def _mapping(data: Any, keys: Iterable[str], place: _Place, noun: str = "key") -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise place.wrong(f"must be a mapping, not {_KINDS.get(type(data), 'a value')}", "write `key: value` lines")
    for key in data:
        _one_of(key, list(keys), place, noun)
    return data


def _one_of(value: Any, allowed: Iterable[str], place: _Place, noun: str) -> str:
    names = [str(a) for a in allowed]
    if isinstance(value, str) and value in names:
        return value
    near = difflib.get_close_matches(str(value), names, n=1)
    raise place.wrong(
        f'unknown {noun} "{value}"', f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(names)}"
    )


def _list(data: Mapping[str, Any], key: str, place: _Place) -> list[Any]:
    found = data.get(key, [])
    if not isinstance(found, list):
        raise place.at(key).wrong("must be a list")
    return found


def _texts(data: Mapping[str, Any], key: str, place: _Place) -> tuple[str, ...]:
    return tuple(_text(v, place.at(key)) for v in _list(data, key, place))


def _text(data: Any, place: _Place) -> str:
    if not isinstance(data, str) or not data.strip():
        raise place.wrong(f"must be a text, not {data!r}")
    return data.strip("\n")


def _flag(data: Mapping[str, Any], key: str, place: _Place) -> bool:
    found = data.get(key, False)
    if not isinstance(found, bool):
        raise place.at(key).wrong(f"must be true or false, not {found!r}")
    return found


def _number(data: Any, place: _Place) -> int:
    if isinstance(data, bool) or not isinstance(data, int):
        raise place.wrong(f"must be a number, not {data!r}")
    return data
