"""YAML as plain data, strictly; the library is imported when a file is read, for compiled rules need none."""

from __future__ import annotations

from migrate_safe.model.errors import UsageError


def read_yaml(text: str, file: str) -> object:
    """Read one document. Raises UsageError for text that is no YAML, and for a key that stands twice."""
    import yaml  # slow to import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        _refuse_doubles(node, file)
        return loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{file}:{mark.line + 1}" if mark is not None else file
        raise UsageError(f"not valid YAML: {getattr(error, 'problem', error)}", place=line) from error
    finally:
        loader.dispose()


def _refuse_doubles(node: object, file: str) -> None:
    """Refuse a key that stands twice in one mapping, where YAML would silently keep the last."""
    from yaml import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise UsageError(f'the key "{key.value}" stands twice', place=f"{file}:{key.start_mark.line + 1}")
            seen.add(key.value)
            _refuse_doubles(value, file)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            _refuse_doubles(value, file)
