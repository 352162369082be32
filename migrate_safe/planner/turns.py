"""Inserts of one new key take turns while two unique indexes hold it: under its old name and under its new one.

ON CONFLICT arbitrates on one of the two, and two sessions that insert the same key would meet in the other as a unique
violation. As without the second index, who inserts a key that is there waits for nobody, and who inserts one that an
unfinished transaction is inserting waits for its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from migrate_safe.model.names import Name, quote_ident, quote_literal
from migrate_safe.model.values import replace
from migrate_safe.planner.identifiers import tag
from migrate_safe.sql.rewrite import rename_columns

ASKED_STATE = "MS003"
"""SQLSTATE by which the trigger lets go of a row that it has asked about."""


class Part(Struct, frozen=True):
    """One key of a unique index: an expression over the table's columns, and the schema in which its `=` lives.

    `typed` says that the type is known to have a hash that agrees with `=`; else the text is hashed.
    """

    expression: str
    operators: str = "pg_catalog"
    typed: bool = True

    @property
    def equals(self) -> str:
        """The `=` of the type; that of pg_catalog is found without its schema."""
        return "=" if self.operators == "pg_catalog" else f"OPERATOR({quote_ident(self.operators)}.=)"


class Turn(Struct, frozen=True):
    """A unique index whose new keys are inserted in turns; `columns` are those of its keys and its predicate."""

    index: str
    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    predicate: str | None = None

    def renamed(self, renames: Mapping[str, str]) -> Turn:
        """Give the same over the columns' new names."""
        return replace(
            self,
            parts=tuple(replace(p, expression=rename_columns(p.expression, renames)) for p in self.parts),
            columns=tuple(renames.get(c, c) for c in self.columns),
            predicate=None if self.predicate is None else rename_columns(self.predicate, renames),
        )


# The function runs as its owner, for the app's roles may not be allowed to read: it finds names in pg_catalog only, and
# looks into no other table than the one that fires it. Being volatile it sees each row that was committed so far. A
# query planned while the table was empty must not read all of it later, hence enable_seqscan. Looking would make
# serializable transactions conflict that do not, so those are left alone: they have to try again anyway.
_FUNCTION = """\
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS {quote}
#variable_conflict use_column
DECLARE
  given record;
  settled boolean;
  taken int;
BEGIN
  IF to_regclass({table_text}) IS DISTINCT FROM TG_RELID
     OR current_setting('transaction_isolation') = 'serializable' THEN
    RETURN NEW;
  END IF;
{turns}  RETURN NEW;
END
{quote}"""

# xmax of a row tells who deletes, changes or locks it; where it is older than every running transaction, nobody does
# any more. Else FOR KEY SHARE waits for one that deletes it, as ON CONFLICT would, and the error takes our lock on the
# row back at once. Without that, all who wait for the delete to end would insert at the same moment.
_TURN = """\
  -- {comment}: whoever inserts a key that is not there waits for whoever else is inserting it
  SELECT {keys} INTO given
    FROM (SELECT {written}) AS written{where};
  IF {complete} THEN
    SELECT age(present.xmax) > age(pg_snapshot_xmin(pg_current_snapshot())::xid) INTO settled
      FROM {table} AS present WHERE {found};
    IF settled IS FALSE THEN
      BEGIN
        PERFORM FROM {table} AS present WHERE {found} FOR KEY SHARE;
        settled := FOUND;
        RAISE SQLSTATE '{asked}';
      EXCEPTION
        WHEN SQLSTATE '{asked}' THEN NULL;
        WHEN serialization_failure THEN settled := false;
      END;
    END IF;
    taken := coalesce(nullif(current_setting('{counter}', true), ''), '0');
    IF settled IS NOT TRUE AND taken < current_setting('max_locks_per_transaction')::int THEN
      PERFORM set_config('{counter}', (taken + 1)::text, true);
      PERFORM pg_advisory_xact_lock(hash_record_extended(ROW({hashed}), {seed}));
    END IF;
  END IF;
"""


def turn_function(name: Name, table: Name, word: str, turns: Iterable[Turn]) -> str:
    """Write the trigger function; it is to fire after the one that fills both sides."""
    body = "".join(_turn(table, word, turn) for turn in turns)
    return _FUNCTION.format(
        name=name, table_text=quote_literal(str(table)).strip(), turns=body, quote=dollar_quote(body)
    )


# Else it would be the deploying role's, and inserts would fail once that role loses its rights on the table. The new
# owner needs CREATE on the schema at that moment only. A role that may not give it keeps the function.
_HAND_OVER = """\
DO $ms$ DECLARE
  owner regrole := (SELECT relowner FROM pg_class WHERE oid = {table_text}::regclass);
  shut boolean := NOT has_schema_privilege(owner, 'migrate_safe', 'CREATE');
BEGIN
  IF shut THEN EXECUTE format('GRANT CREATE ON SCHEMA migrate_safe TO %s', owner); END IF;
  EXECUTE format('ALTER FUNCTION {name}() OWNER TO %s', owner);
  IF shut THEN EXECUTE format('REVOKE CREATE ON SCHEMA migrate_safe FROM %s', owner); END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $ms$"""


def hand_over(name: Name, table: Name) -> str:
    """Write what makes the trigger function that of the table's owner, as whom it then runs."""
    return _HAND_OVER.format(name=name, table_text=quote_literal(str(table)).strip())


def dollar_quote(body: str) -> str:
    """Choose a dollar quote that the body does not contain."""
    quotes = (f"$ms{number or ''}$" for number in range(len(body) + 1))
    return next(q for q in quotes if q not in body)


def _turn(table: Name, word: str, turn: Turn) -> str:
    names = [f"k{at}" for at in range(1, len(turn.parts) + 1)]
    found = [f"{p.expression} {p.equals} given.{n}" for p, n in _zip(turn, names)]
    inside = [f"({turn.predicate})"] if turn.predicate is not None else []
    return _TURN.format(
        comment=" ".join(turn.index.split()),
        keys=", ".join(f"{p.expression} AS {n}" for p, n in _zip(turn, names)),
        written=", ".join(f"NEW.{c} AS {c}" for c in map(quote_ident, turn.columns)),
        where="".join(f" WHERE {text}" for text in inside),
        complete=" AND ".join(f"given.{n} IS NOT NULL" for n in names),
        table=table,
        found=" AND ".join([*found, *inside]),
        asked=ASKED_STATE,
        hashed=", ".join(f"given.{n}" if p.typed else f"given.{n}::text" for p, n in _zip(turn, names)),
        counter=f"migrate_safe.turns_{word}",
        seed=int(tag(word, turn.index), 16),
    )


def _zip(turn: Turn, names: list[str]) -> Iterable[tuple[Part, str]]:
    return zip(turn.parts, names, strict=True)
