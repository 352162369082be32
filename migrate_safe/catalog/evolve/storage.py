"""How and where tables are stored: parameters, tablespaces, column settings, persistence, replica identity, owners."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.catalog.change import CannotApply, certain, family, is_partition, is_partitioned, need_column, put
from migrate_safe.catalog.evolve.column_types import usual_storage
from migrate_safe.catalog.evolve.holders import every_holder, put_holder
from migrate_safe.catalog.evolve.index_methods import refuse_table_method
from migrate_safe.catalog.evolve.parameters import COLUMN, refuse_parameters, refuse_table_parameters
from migrate_safe.catalog.evolve.rights import owned_by
from migrate_safe.catalog.evolve.toast import without_lost_options
from migrate_safe.catalog.naming import relation_exists
from migrate_safe.catalog.privileges import role_name
from migrate_safe.model.names import Name
from migrate_safe.model.schema import Column, ConstraintKind, Schema, Table
from migrate_safe.model.statement import AlterTable, OtherTableAction
from migrate_safe.model.values import replace

SEQUENCES_FOLLOW = 15
"""The first major version in which owned sequences take on their table's persistence."""
_UNORDERED = ("hash", "gin", "brin", "spgist")
"""Index methods that a table cannot be clustered by."""
_IDENTITIES = {"d": "default", "f": "full", "n": "nothing"}


def table_action(schema: Schema, table: Table, action: OtherTableAction, *, only: bool) -> Schema | None:
    """Apply an action of ALTER TABLE about storage or ownership; None for those about something else."""
    match action.kind:
        case "SetStatistics" | "SetStorage" | "SetCompression" | "SetOptions" | "ResetOptions":
            return _on_column(schema, table, action, only=only)
        case "SetRelOptions" | "ResetRelOptions":
            if is_partitioned(table):
                raise CannotApply(f"cannot specify storage parameters for partitioned table {table.name}")
            reset = action.kind == "ResetRelOptions"
            if not reset:
                refuse_table_parameters(schema, table.access_method, parameters(action.argument))
            options = with_options(table.options, action.argument, reset=reset)
            return put(schema, without_lost_options(schema, replace(table, options=options)))
        case "SetTableSpace":
            return put(schema, replace(table, tablespace=tablespace_of(action.argument)))
        case "SetAccessMethod":
            refuse_table_method(schema, action.argument)
            return put(schema, replace(table, access_method=action.argument or "heap"))
        case "SetLogged" | "SetUnLogged":
            return _persistence(schema, table, "u" if action.kind == "SetUnLogged" else "p")
        case "ClusterOn" | "DropCluster":
            return put(schema, replace(table, clustered_on=_clustered_on(schema, table, action)))
        case "ReplicaIdentity":
            return put(schema, replace(table, replica_identity=_identity(schema, table, action)))
        case "ChangeOwner":
            return change_owner(schema, table.name, action.argument)
        case _:
            return None


def tablespace_of(name: str) -> str | None:
    """Give the tablespace as the catalog has it: None for the default one of the database."""
    if name == "pg_global":
        raise CannotApply("only shared relations can be placed in tablespace pg_global")
    return name if name != "pg_default" else None


def with_options(held: Iterable[tuple[str, str]], text: str, *, reset: bool = False) -> tuple[tuple[str, str], ...]:
    """Set or reset parameters given as `fillfactor=70, toast.autovacuum_enabled`; in the order of their names."""
    given = parameters(text)
    kept = [o for o in held if o[0] not in dict(given)]
    return tuple(sorted([*kept, *(() if reset else (g for g in given if g[0] != "oids"))]))


def parameters(text: str) -> tuple[tuple[str, str], ...]:
    """Read parameters given as `fillfactor=70, toast.autovacuum_enabled`."""
    pairs = (part.partition("=") for part in text.split(","))
    return tuple((name.strip(), value.strip() or "true") for name, _, value in pairs if name)


# ---- columns -------------------------------------------------------------------------------


def _on_column(schema: Schema, table: Table, action: OtherTableAction, *, only: bool) -> Schema:
    """Change what is set for a column; statistics targets and storage reach the children too."""
    deep = action.kind in ("SetStatistics", "SetStorage")
    if action.kind == "SetStatistics" and not action.value and " " in action.argument:
        raise CannotApply(
            f"column {action.argument.partition(' ')[0]} of {table.name}: only indexes have columns by number"
        )
    for member in family(schema, table, only=only or not deep):
        column = need_column(schema, member, action.argument)
        if column is not None:
            changed = replace(column, settings=_settings(column, action))
            columns = tuple(changed if c.name == column.name else c for c in schema.tables[member.name].columns)
            schema = put(schema, replace(schema.tables[member.name], columns=columns))
    return schema


def _settings(column: Column, action: OtherTableAction) -> tuple[str, ...]:
    match action.kind:
        case "SetStatistics":
            number = int(action.value or -1)
            return _with(column, "SET STATISTICS", str(min(number, 10_000)) if number >= 0 else "")
        case "SetStorage":
            usual = usual_storage(column)
            word = action.value.upper()
            if usual == "PLAIN" and word not in ("PLAIN", "DEFAULT"):
                raise CannotApply(f"column data type {column.type} can only have storage PLAIN")
            return _with(column, "SET STORAGE", "" if word in ("DEFAULT", usual) else word)
        case "SetCompression":
            if usual_storage(column) == "PLAIN" and action.value != "default":
                raise CannotApply(f"column data type {column.type} does not support compression")
            return _with(column, "SET COMPRESSION", "" if action.value == "default" else action.value)
        case _:
            held = next((s[5:-1] for s in column.settings if s.startswith("SET (")), "")
            before = with_options((), held) if held else ()
            if action.kind == "SetOptions":
                refuse_parameters(COLUMN, parameters(action.value))
            after = with_options(before, action.value, reset=action.kind == "ResetOptions")
            return _with(column, "SET", f"({', '.join(f'{k}={v}' for k, v in after)})" if after else "")


def _with(column: Column, prefix: str, text: str) -> tuple[str, ...]:
    """Set one of a column's settings, or take it away; in the order in which the catalog gives them."""
    start = "SET (" if prefix == "SET" else prefix
    kept = [s for s in column.settings if not s.startswith(start)]
    return tuple(sorted([*kept, f"{prefix} {text}"] if text else kept, key=_place))


def _place(setting: str) -> int:
    words = ("SET STATISTICS", "SET STORAGE", "SET COMPRESSION", "SET (")
    return next(i for i, word in enumerate(words) if setting.startswith(word))


# ---- tables --------------------------------------------------------------------------------


def _persistence(schema: Schema, table: Table, persistence: str) -> Schema:
    """SET LOGGED and SET UNLOGGED; a partitioned table has nothing to write, and refuses from PostgreSQL 18 on."""
    if is_partitioned(table) and schema.server_version >= 18:
        raise CannotApply(f"{table.name} is a partitioned table")
    if table.persistence == persistence:
        return schema
    _refuse_mixed_keys(schema, table, persistence)
    if is_partitioned(table):
        return schema
    schema = put(schema, replace(table, persistence=persistence))
    if schema.server_version < SEQUENCES_FOLLOW:
        return schema
    sequences = {
        n: replace(s, persistence=persistence) if s.owner is not None and s.owner[0] == table.name else s
        for n, s in schema.sequences.items()
    }
    return replace(schema, sequences=sequences)


def _with_parents(schema: Schema, table: Table) -> tuple[Table, ...]:
    """Give a table and those of which it is a partition."""
    parents = [schema.tables[p] for p in table.parents if p in schema.tables and is_partition(table)]
    return (table, *(t for p in parents for t in _with_parents(schema, p)))


def _refuse_mixed_keys(schema: Schema, table: Table, persistence: str) -> None:
    """Raise CannotApply where a logged table would reference an unlogged one, or an unlogged one be published."""
    if persistence == "u":
        names = [t.name for t in _with_parents(schema, table)]
        near = [t.name for n in names for t, _ in schema.referencing(n) if t.name != n and t.persistence == "p"]
        if near:
            raise CannotApply(f"could not change table {table.name} to unlogged: logged table {near[0]} references it")
        listed = [p.name for p in schema.publications.values() if any(t.table == table.name for t in p.tables)]
        if listed:
            raise CannotApply(f"cannot change table {table.name} to unlogged: it is part of publication {listed[0]!r}")
        return
    keys = [c for c in table.constraints if c.kind is ConstraintKind.FOREIGN and c.references is not None]
    far = [schema.table(c.references.table) for c in keys if c.references is not None]
    unlogged = [t.name for t in far if t is not None and t.persistence == "u" and t.name != table.name]
    if unlogged:
        raise CannotApply(f"could not change table {table.name} to logged: it references unlogged {unlogged[0]}")


def _clustered_on(schema: Schema, table: Table, action: OtherTableAction) -> str | None:
    if is_partitioned(table):
        raise CannotApply(f"cannot mark an index clustered in partitioned table {table.name}")
    if action.kind == "DropCluster":
        return None
    need_ordering_index(schema, table, action.argument)
    return action.argument


def need_ordering_index(schema: Schema, table: Table, name: str) -> None:
    """Raise CannotApply where a table has no such index, or none by which rows can be put in order."""
    need_index(schema, table, name)
    index = table.index(name)
    if index is not None and index.predicate is not None:
        raise CannotApply(f"cannot cluster on partial index {name!r}")
    if index is not None and index.method in _UNORDERED:
        raise CannotApply(f"cannot cluster on index {name!r}: {index.method} gives no order")


def need_index(schema: Schema, table: Table, index: str) -> None:
    """Raise CannotApply where a table certainly has no index of that name."""
    if table.index(index) is None and certain(schema, table):
        if relation_exists(schema, Name(table.name.schema, index)):
            raise CannotApply(f"{index!r} is not an index for table {table.name}")
        raise CannotApply(f"index {index!r} for table {table.name} does not exist")


def _identity(schema: Schema, table: Table, action: OtherTableAction) -> str:
    if action.value != "i":
        return _IDENTITIES[action.value]
    need_index(schema, table, action.argument)
    index = table.index(action.argument)
    if index is not None:
        fit = index.unique and index.predicate is None and all(k.column is not None for k in index.keys)
        nullable = [k.column for k in index.keys if k.column and not getattr(table.column(k.column), "not_null", True)]
        if not fit or nullable:
            raise CannotApply(f"index {action.argument!r} of {table.name} cannot be used as replica identity")
    return f"index {action.argument}"


def change_owner(schema: Schema, name: Name, role: str) -> Schema:
    """Give a relation another owner, and with it the sequences that its columns own."""
    owner = role_name(schema, role)
    taken = {name, *(n for n, s in schema.sequences.items() if s.owner is not None and s.owner[0] == name)}
    for holder in every_holder(schema):
        if holder.target.name in taken and holder.target.kind in ("table", "sequence"):
            schema = put_holder(schema, owned_by(holder, owner))
    return schema


def of_other_relation(schema: Schema, statement: AlterTable) -> Schema:
    """Apply OWNER TO of a view or sequence; one that a table owns goes with the table only."""
    name = schema.resolve(statement.table)
    for action in statement.actions:
        if isinstance(action, OtherTableAction) and action.kind == "ChangeOwner":
            sequence = schema.sequences.get(name)
            if (
                sequence is not None
                and sequence.owner is not None
                and sequence.role != role_name(schema, action.argument)
            ):
                raise CannotApply(f"sequence {name} is owned by table {sequence.owner[0]}")
            schema = change_owner(schema, name, action.argument)
    return schema
