"""YAML as plain data, strictly; the library is imported when a file is read, for compiled rules need none."""

from __future__ import annotations

from typing import Any

from migrate_safe.model.errors import UsageError


def read_yaml(text: str, file: str) -> object:
    """Read one document. Raises UsageError for text that is no YAML, a key that stands twice, and an alias."""
    import yaml  # slow to import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        _refuse_doubles(node, file, set())
        return loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{file}:{mark.line + 1}" if mark is not None else file
        raise UsageError(f"not valid YAML: {getattr(error, 'problem', error)}", place=line) from error
    except ValueError as error:  # a date that no calendar has
        raise UsageError(f"not valid YAML: {error}", place=file, next_move="quote what is meant as text") from error
    finally:
        loader.dispose()


def _refuse_doubles(node: Any, file: str, met: set[int]) -> None:
    """Refuse a key that stands twice in one mapping, where YAML would silently keep the last, and what is met twice.

    A key has to be a text, and an alias may hold itself, or stand for more than any memory holds.
    """
    from yaml import MappingNode, ScalarNode, SequenceNode

    place = f"{file}:{node.start_mark.line + 1}" if node is not None else file
    if id(node) in met and node is not None:
        raise UsageError("a rule has no aliases", place=place, next_move="write out what the alias stands for")
    met.add(id(node))
    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            place = f"{file}:{key.start_mark.line + 1}"
            if not isinstance(key, ScalarNode):
                raise UsageError("a key must be a text", place=place, next_move="write it as `key: value`")
            if key.value in seen:
                raise UsageError(f'the key "{key.value}" stands twice', place=place)
            seen.add(key.value)
            _refuse_doubles(value, file, met)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            _refuse_doubles(value, file, met)
