"""The bodies of the sync functions: plpgsql that finds out from values which app version wrote."""

from __future__ import annotations

from collections.abc import Mapping

from migrate_safe.model.names import quote_ident
from migrate_safe.model.plan import BACKFILL_MARKER
from migrate_safe.planner.pairs import Kind, Pair, Side, Sync, apply, differ, relation, row_of

WRITER_HINT = "migrate_safe.app_version"

FLAGS = "DECLARE\n  o boolean;\n  n boolean;\n"

_UPDATE_BLOCK = """\
  -- {old_column}, {new_column}: the side that changed wins; when both did, both are kept
  o := {old_changed};
  n := {new_changed};
{marks}  IF o AND NOT n THEN
    {new} := {forward};
  ELSIF n AND NOT o THEN
    IF current_setting('{marker}', true) IS DISTINCT FROM 'on' THEN
      {old} := {back};
    END IF;
  END IF;
"""

_UPDATE_MARKS = """\
  IF n AND current_setting('{new_mark}', true) = '1' AND {new} IS NULL THEN
    {new} := ({default})::{type};
  END IF;
{clear}"""

_CLEAR = "  PERFORM set_config('{old_mark}', '', true), set_config('{new_mark}', '', true);\n"

_INSERT_BLOCK = """\
  -- {old_column}, {new_column}: the side that was given fills the other
  o := {old_given};
  n := {new_given};
  IF NOT n THEN
    {new} := {forward};
  ELSIF NOT o THEN
    {old} := {back};
{both}  END IF;
"""

_INSERT_MARKED = """\
  -- {old_column}, {new_column}: a default that was evaluated marks its side as left out
  o := current_setting('{old_mark}', true) = '1';
  n := current_setting('{new_mark}', true) = '1';
{clear}  IF n AND {new} IS NULL THEN
{new_default}    {new} := {forward};
{end_default}  ELSIF o THEN
    {old} := {back};
{both}  END IF;
"""

_NEW_DEFAULT = """\
    IF o{unless_old} THEN
      {new} := ({default})::{type};
      {old} := {back};
    ELSE
  """

_BOTH = """\
  ELSIF NOT ({relation}) THEN
    IF {new} IS NULL THEN
      {new} := {forward};
    ELSIF {old} IS NULL THEN
      {old} := {back};
    END IF;
"""

_REVERSE_BLOCK = """\
  IF TG_OP = 'INSERT' OR {changed} THEN
    {hidden} := {back};
  END IF;
"""


def insert_body(sync: Sync) -> str:
    """Write what happens to a new row while both columns are in use."""
    return "".join(_insert_block(sync, pair) for pair in sync.pairs)


def update_body(sync: Sync) -> str:
    """Write what happens to a changed row while both columns are in use."""
    return "".join(_update_block(sync, pair) for pair in sync.pairs)


def reverse_body(sync: Sync, hidden: Mapping[str, str]) -> str:
    """Write what goes on filling the retired columns; `hidden` maps old names to their present ones."""
    return "".join(_reverse_block(pair, hidden[pair.old.column]) for pair in sync.pairs)


def _update_block(sync: Sync, pair: Pair) -> str:
    return _UPDATE_BLOCK.format(
        **_words(pair),
        old_changed=differ(pair.old, row_of("NEW", pair.old), row_of("OLD", pair.old)),
        new_changed=differ(pair.new, row_of("NEW", pair.new), row_of("OLD", pair.new)),
        marks=_update_marks(sync, pair),
        marker=BACKFILL_MARKER,
    )


def _update_marks(sync: Sync, pair: Pair) -> str:
    if pair.kind is not Kind.MARKER:
        return ""
    mark = marks(sync, pair)
    if pair.new.default is None:
        return _CLEAR.format(**mark)
    return _UPDATE_MARKS.format(
        **_words(pair),
        default=pair.new.default,
        type=pair.new.type,
        clear=_CLEAR.format(**mark),
        new_mark=mark["new_mark"],
    )


def _insert_block(sync: Sync, pair: Pair) -> str:
    both = "" if pair.kind is Kind.PLAIN else _both(pair)
    if pair.kind is Kind.MARKER:
        return _insert_marked(sync, pair, both)
    return _INSERT_BLOCK.format(**_words(pair), old_given=_given(pair.old), new_given=_given(pair.new), both=both)


def _insert_marked(sync: Sync, pair: Pair, both: str) -> str:
    mark = marks(sync, pair)
    head, end = "", ""
    if not _same_default(pair):
        hint = f" AND current_setting('{WRITER_HINT}', true) = 'new'" if pair.old.default is not None else ""
        default = pair.new.default or "NULL"
        head = _NEW_DEFAULT.format(**_words(pair), default=default, type=pair.new.type, unless_old=hint)
        end = "    END IF;\n"
    return _INSERT_MARKED.format(
        **_words(pair), **mark, clear=_CLEAR.format(**mark), new_default=head, end_default=end, both=both
    )


def _same_default(pair: Pair) -> bool:
    """Say whether a row that names neither side holds the same whichever default is taken."""
    return pair.old.default == pair.new.default and (pair.is_identity or pair.old.default is None)


def _both(pair: Pair) -> str:
    holds = relation(pair, row_of("NEW", pair.old), row_of("NEW", pair.new))
    return _BOTH.format(**_words(pair), relation=holds)


def _given(side: Side) -> str:
    value = row_of("NEW", side)
    if side.default is None:
        return f"{value} IS DISTINCT FROM NULL"
    return differ(side, value, f"({side.default})::{side.type}")


def _reverse_block(pair: Pair, hidden: str) -> str:
    return _REVERSE_BLOCK.format(
        changed=differ(pair.new, row_of("NEW", pair.new), row_of("OLD", pair.new)),
        hidden=f"NEW.{quote_ident(hidden)}",
        back=apply(pair.back, row_of("NEW", pair.new)),
    )


def _words(pair: Pair) -> dict[str, str]:
    old, new = row_of("NEW", pair.old), row_of("NEW", pair.new)
    return {
        "old_column": _in_comment(pair.old.column),
        "new_column": _in_comment(pair.new.column),
        "old": old,
        "new": new,
        "forward": apply(pair.forward, old),
        "back": apply(pair.back, new),
    }


def _in_comment(column: str) -> str:
    return " ".join(column.split())


def marks(sync: Sync, pair: Pair) -> dict[str, str]:
    """Name the settings in which the defaults of a pair leave their marks."""
    at = sync.pairs.index(pair)
    suffix = f"{sync.word}_{at}" if len(sync.pairs) > 1 else sync.word
    return {"old_mark": f"migrate_safe.o_{suffix}", "new_mark": f"migrate_safe.n_{suffix}"}
