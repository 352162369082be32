"""A second column that follows the first by a conversion, whoever writes: the triggers and functions for it.

Unlike a sync of two names, no app writes the second column, so that one direction is enough. A value that cannot be
converted leaves it NULL: the client's statement never fails for it, and verification finds the row.
"""

from __future__ import annotations

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident
from migrate_safe.model.schema import TypeName
from migrate_safe.planner.conversions import GIVEN, Conversion
from migrate_safe.planner.identifiers import function
from migrate_safe.planner.keeping import Keep
from migrate_safe.planner.pairs import Side, differ, row_of, same
from migrate_safe.planner.turns import dollar_quote

_CONVERT = """\
CREATE FUNCTION {name}({given} {source}) RETURNS {target} LANGUAGE plpgsql AS {quote}
DECLARE
  ms_result {exact};
BEGIN
  ms_result := ({expression});
  RETURN ms_result;
{failing}END
{quote}"""

_TEST = """\
CREATE FUNCTION {name}({given} {source}) RETURNS boolean LANGUAGE plpgsql AS {quote}
DECLARE
  ms_result {exact};
BEGIN
  ms_result := ({expression});
  RETURN true;
EXCEPTION WHEN OTHERS THEN
  RETURN false;
END
{quote}"""

_FOLLOW = """\
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {quote}
DECLARE
  {given} {source} := NEW.{column};
{declare}BEGIN
{assign}{strict}  RETURN NEW;
END
{quote}"""

_TOTAL = "  NEW.{copy} := ({expression});\n"
_GUARDED = """\
  BEGIN
    NEW.{copy} := ({expression});
  EXCEPTION WHEN OTHERS THEN
    NEW.{copy} := NULL;
  END;
"""

_WRITTEN = "  ms_written {target} := NEW.{copy};\n"
_STRICT = """\
  IF TG_OP = 'INSERT' AND ms_written IS NOT NULL AND {differs} THEN
    RAISE EXCEPTION 'the order of columns has changed' USING HINT = 'name the columns that INSERT or COPY writes';
  END IF;
"""

_FAILING = "EXCEPTION WHEN OTHERS THEN\n  RETURN NULL;\n"


class Triggers(Struct, frozen=True):
    """Triggers that fire after every one of the user; `keep` is None where the user has no BEFORE UPDATE trigger."""

    insert: str
    update: str
    keep: Keep | None = None


class Converter(Struct, frozen=True):
    """The functions that convert a value, for backfills and proofs: `kind` makes their names."""

    kind: str
    word: str
    conversion: Conversion

    @property
    def create(self) -> tuple[str, ...]:
        """Write the functions."""
        it = self.conversion
        words = {
            "given": GIVEN,
            "source": _bare(it.source),
            "exact": it.target,
            "expression": it.expression,
            "quote": dollar_quote(it.expression),
        }
        failing = "" if it.total else _FAILING
        made = _CONVERT.format(name=self._name, target=_bare(it.target), failing=failing, **words)
        return (made,) if it.total else (made, _TEST.format(name=self._test, **words))

    @property
    def drop(self) -> tuple[str, ...]:
        """Write what drops them."""
        names = (self._name,) if self.conversion.total else (self._name, self._test)
        return tuple(f"DROP FUNCTION {name}({_bare(self.conversion.source)})" for name in names)

    def value(self, column: str) -> str:
        """Write the converted value of a column, NULL where it cannot be converted."""
        return f"{self._name}({quote_ident(column)})"

    def holds(self, column: str) -> str:
        """Write the condition that the value of a column can be converted."""
        return "true" if self.conversion.total else f"{self._test}({quote_ident(column)})"

    @property
    def _name(self) -> Name:
        return function(self.kind, self.word)

    @property
    def _test(self) -> Name:
        return function(f"{self.kind}_ok", self.word)


def agree(there: Converter, back: Converter, old: str, new: str) -> str:
    """Write the condition that a row's two values belong together: new = f(old) or old = g(new)."""
    forward = same(Side(new, there.conversion.target), quote_ident(new), there.value(old))
    reverse = same(Side(old, back.conversion.target), quote_ident(old), back.value(new))
    given = [c for c in (there.holds(old),) if c != "true"]
    known = [c for c in (back.holds(new),) if c != "true"]
    return f"({' AND '.join([forward, *given])}) OR ({' AND '.join([reverse, *known])})"


class Follower(Struct, frozen=True):
    """A column `copy` of a table that follows `column`; `collated` says that `column` has a collation of its own.

    `strict` refuses an INSERT that writes `copy` itself: it names no columns, and knows their order from before.
    """

    table: Name
    kind: str
    word: str
    column: str
    copy: str
    conversion: Conversion
    triggers: Triggers
    collated: bool = False
    strict: bool = False
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    """What else is made, and dropped, together with it."""

    @property
    def create(self) -> tuple[str, ...]:
        """Write the triggers and their functions."""
        return (*_follow(self), *self.more)

    @property
    def drop(self) -> tuple[str, ...]:
        """Write what drops them."""
        kept = () if self.triggers.keep is None else self.triggers.keep.drop()
        return (
            *(f"DROP TRIGGER {quote_ident(n)} ON {self.table}" for n in (self.triggers.insert, self.triggers.update)),
            *kept[:1],
            f"DROP FUNCTION {function(self.kind, self.word)}()",
            *kept[1:],
            *self.less,
        )


def _follow(it: Follower) -> tuple[str, ...]:
    table, column, copy, conversion, triggers = it.table, it.column, it.copy, it.conversion, it.triggers
    name = function(it.kind, it.word)
    form = _TOTAL if conversion.total else _GUARDED
    written = Side(copy, conversion.target)
    assign = form.format(copy=quote_ident(copy), expression=conversion.expression)
    made = [
        _FOLLOW.format(
            name=name,
            given=GIVEN,
            source=_bare(conversion.source),
            column=quote_ident(column),
            declare=_WRITTEN.format(target=conversion.target, copy=quote_ident(copy)) if it.strict else "",
            assign=assign,
            strict=_STRICT.format(differs=differ(written, "ms_written", row_of("NEW", written))) if it.strict else "",
            quote=dollar_quote(assign + column),
        ),
        _trigger(triggers.insert, "INSERT", table, "", name),
        _trigger(
            triggers.update, "UPDATE", table, _changed(Side(column, conversion.source, collated=it.collated)), name
        ),
    ]
    if triggers.keep is not None:
        made += triggers.keep.create()
    return tuple(made)


def _changed(side: Side) -> str:
    return f"\n  WHEN ({differ(side, row_of('NEW', side), row_of('OLD', side))})"


def _trigger(name: str, event: str, table: Name, when: str, called: Name) -> str:
    return (
        f"CREATE TRIGGER {quote_ident(name)} BEFORE {event} ON {table} FOR EACH ROW{when}\n"
        f"  EXECUTE FUNCTION {called}()"
    )


def _bare(kind: TypeName) -> TypeName:
    """Leave the length out of a type, as functions do of their arguments and results."""
    return TypeName(kind.name, (), kind.dimensions, kind.schema)
