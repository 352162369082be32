"""Read YAML strictly: every mistake becomes an error with file, line and the nearest valid word."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

import yaml
from msgspec import Struct

from migrate_safe.model.errors import UsageError

_STR = "tag:yaml.org,2002:str"
_BOOL = "tag:yaml.org,2002:bool"


class Box(Struct, frozen=True):
    """A YAML node, the file it stands in, and what to call it in messages."""

    path: str
    node: yaml.Node
    what: str

    def error(self, message: str, next_move: str = "", *, within: str = "") -> UsageError:
        """Build the error about this node, or the part of a block of text that it holds; its own name comes first."""
        place = f"{self.path}:{self._line_of(within)}"
        return UsageError(f"{self.what} {message}", next_move=next_move, place=place)

    def _line_of(self, part: str) -> int:
        line: int = self.node.start_mark.line + 1
        if not part or not isinstance(self.node, yaml.ScalarNode) or self.node.style != "|":
            return line
        return line + 1 + str(self.node.value).partition(part)[0].count("\n")

    def fields(self, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Box]:
        """Give the values of a mapping by key; keys that are unknown, repeated or missing are errors."""
        must = tuple(required)
        valid = (*must, *optional)
        found: dict[str, Box] = {}
        for key, value in self.entries():
            if key not in valid:
                raise self._at(value, key).error("is not a known key", nearest(key, valid))
            found[key] = self._at(value, key)
        for key in must:
            if key not in found:
                raise self.error(f'has no "{key}"', f'add the key "{key}"')
        return found

    def entries(self) -> tuple[tuple[str, yaml.Node], ...]:
        """Give keys and nodes of a mapping in order; a repeated key or one that is no text is an error."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"must be a mapping, not {_kind(self.node)}", "write it as `key: value` lines")
        seen: dict[str, yaml.Node] = {}
        for key_node, value in self.node.value:
            key = Box(self.path, key_node, f"a key of {self.what}").text()
            if key in seen:
                raise Box(self.path, key_node, f'"{key}"').error(f"stands twice in {self.what}", "remove one of them")
            seen[key] = value
        return tuple(seen.items())

    def texts(self, read: Callable[[Box], str]) -> tuple[tuple[str, str], ...]:
        """Give a mapping from text to text, in order; `read` reads a value."""
        return tuple((key, read(self._at(value, key))) for key, value in self.entries())

    def items(self) -> tuple[Box, ...]:
        """Give the items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"must be a list, not {_kind(self.node)}", "write its items as `- item` lines")
        return tuple(Box(self.path, x, f"item {i} of {self.what}") for i, x in enumerate(self.node.value, 1))

    def text(self) -> str:
        """Give a text; numbers, booleans, dates and null are errors, for they may not come back as written."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"must be text, not {_kind(self.node)}", "write one value")
        if self.node.tag != _STR:
            raise self.error(f"must be text, not {_kind(self.node)}", f'quote it: "{self.node.value}"')
        return str(self.node.value)

    def flag(self) -> bool:
        """Give true or false."""
        if self.node.tag != _BOOL or not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"must be true or false, not {_kind(self.node)}", "write true or false")
        return str(self.node.value).lower() in ("true", "yes", "on")

    def one_of(self, words: Iterable[str]) -> str:
        """Give a text that is one of the words."""
        valid = tuple(words)
        word = self.text()
        if word not in valid:
            raise self.error(f'cannot be "{word}"', nearest(word, valid))
        return word

    def is_text(self) -> bool:
        """Say whether this is a single value rather than a list or mapping."""
        return isinstance(self.node, yaml.ScalarNode)

    def is_list(self) -> bool:
        """Say whether this is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def _at(self, node: yaml.Node, key: str) -> Box:
        return Box(self.path, node, f'"{key}" of {self.what}')


def load(text: str, path: str, what: str) -> Box:
    """Parse one YAML document; anything that is none is a UsageError with the line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UsageError(_problem(error), next_move="correct the YAML", place=_place(error, path)) from error
    except RecursionError as error:
        raise UsageError(f"{what} is nested too deeply", next_move="restore the file", place=path) from error
    if node is None:
        raise UsageError(f"{what} is empty", next_move="write the plan anew", place=path)
    return Box(path, node, what)


def nearest(word: str, valid: Iterable[str]) -> str:
    """Advise which valid word was probably meant, or list all of them."""
    words = tuple(valid)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else "use one of: " + ", ".join(words)


def _kind(node: yaml.Node) -> str:
    match node:
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
        case _:
            word = node.tag.rpartition(":")[2]
            return {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}.get(word, word)


def _problem(error: yaml.YAMLError) -> str:
    problem: Any = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    return f"not valid YAML: {problem}"


def _place(error: yaml.YAMLError, path: str) -> str:
    mark: Any = getattr(error, "problem_mark", None)
    return path if mark is None else f"{path}:{mark.line + 1}"
