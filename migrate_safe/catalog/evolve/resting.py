"""What rests on functions, relations and columns so that the server refuses to drop these, or takes it along (CASCADE).

Functions are found by their names: where a name is overloaded, only what points at one of its overloads is certain.
https://www.postgresql.org/docs/current/ddl-depend.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from migrate_safe.catalog.shapes import relation_columns
from migrate_safe.model.marked import bearing
from migrate_safe.model.names import Name
from migrate_safe.model.schema import (
    HAS_PROGRAMS,
    Expr,
    Function,
    Index,
    Policy,
    Schema,
    Table,
    Thing,
    Trigger,
    View,
)
from migrate_safe.sql.touched import functions_of

FUNCTION_WORDS = frozenset(
    """
    end from function gettoken handler headline init inline join lextypes lexize restrict start to validator
    """.split()
)
"""Facts of things that name a function."""


class Rest(Struct, frozen=True):
    """An object that rests on another: `kind` and `name` say what it is, `relation` on which relation it stands.

    A function has its arguments in `detail`, a thing its kind.
    """

    kind: str
    name: str
    relation: Name | None = None
    detail: str = ""

    def __str__(self) -> str:
        """Name the object for people."""
        if self.kind == "function":
            return f"function {self.relation}({self.detail})"
        if self.kind == "thing":
            return f"{self.detail} {self.name}"
        return f"view {self.relation}" if self.kind == "view" else f"{self.kind} {self.name!r} of {self.relation}"


def knows_functions(schema: Schema) -> bool:
    """Say whether every function of users and extensions is known: a live server was read, which shows plpgsql."""
    return schema.complete and not schema.unread and ("extension", Name(None, "plpgsql")) in schema.things


def has_extensions(schema: Schema) -> bool:
    """Say whether extensions may have brought objects that the schema does not show."""
    return not knows_functions(schema) or any(k == "extension" and n.name != "plpgsql" for k, n in schema.things)


def calls(schema: Schema, functions: Iterable[Name], wanted: Name) -> bool:
    """Say whether one of the names, as written, is the function of that qualified name."""
    for name in functions:
        if name == wanted or (name.schema is None and name.name == wanted.name and wanted.schema in schema.search_path):
            return True
    return False


def on_function(schema: Schema, function: Function) -> list[Rest]:
    """Give what certainly rests on a function: what calls one of several of a name may mean another."""
    alone = len(schema.functions.get(function.name, ())) < 2
    return perhaps_on_function(schema, function) if alone else _triggers_calling(schema, function)


def perhaps_on_function(schema: Schema, function: Function) -> list[Rest]:
    """Give all that may rest on a function: whatever calls one of its name."""
    name = function.name
    found = _triggers_calling(schema, function)
    for table in schema.tables.values():
        found += _in_table(schema, table, name)
    found += [
        Rest("view", v.name.name, v.name)
        for v in schema.views.values()
        if calls(schema, functions_of(v.definition), name)
    ]
    for view in schema.views.values():
        found += [Rest("rule", r.name, view.name) for r in view.rules if calls(schema, r.functions, name)]
    others = (f for overloads in schema.functions.values() for f in overloads if f != function)
    found += [_function(f) for f in others if calls(schema, _called(f), name)]
    return found + [_thing(t) for t in schema.things.values() if _points_at(t, name)]


def _called(function: Function) -> frozenset[Name]:
    defaults = [p.default.functions for p in function.parameters if p.default is not None]
    return function.calls.union(*defaults)


def _points_at(thing: Thing, function: Name) -> bool:
    return any(word in FUNCTION_WORDS and value == str(function) for word, value in thing.facts)


def _function(function: Function) -> Rest:
    return Rest("function", function.name.name, function.name, function.arguments)


def _thing(thing: Thing) -> Rest:
    return Rest("thing", str(thing.name), thing.name, thing.kind)


def _triggers_calling(schema: Schema, function: Function) -> list[Rest]:
    """Give the triggers of a function: the one of its name without parameters."""
    if function.arguments:
        return []
    return [
        Rest("trigger", trigger.name, relation.name)
        for relation in _holders(schema)
        for trigger in relation.triggers
        if trigger.function is not None and calls(schema, [trigger.function], function.name)
    ]


def _in_table(schema: Schema, table: Table, name: Name) -> Iterator[Rest]:
    def uses(*expressions: Expr | None) -> bool:
        return any(e is not None and calls(schema, e.functions, name) for e in expressions)

    for column in table.columns:
        if uses(column.default):
            yield Rest("default" if column.generated is None else "column", column.name, table.name)
    for constraint in table.constraints:
        if uses(constraint.expression) and constraint.name is not None:
            yield Rest("constraint", constraint.name, table.name)
    for index in table.indexes:
        if uses(index.predicate, *(k.expression for k in index.keys)) and index.name is not None:
            yield _index(table, index)
    for policy in table.policies:
        if uses(policy.using, policy.check):
            yield Rest("policy", policy.name, table.name)
    for rule in table.rules:
        if calls(schema, rule.functions, name):
            yield Rest("rule", rule.name, table.name)


def _index(table: Table, index: Index) -> Rest:
    return Rest("constraint" if index.constraint else "index", index.constraint or index.name or "", table.name)


def on_relation(schema: Schema, relation: Name) -> list[Rest]:
    """Give the policies, rules and functions elsewhere that rest on a relation."""
    found: list[Rest] = []
    for table in bearing(schema.tables, HAS_PROGRAMS):
        if table.name != relation:
            found += [Rest("policy", p.name, table.name) for p in table.policies if relation in p.relations]
            found += [Rest("trigger", t.name, table.name) for t in table.triggers if t.references == relation]
    for holder in _holders(schema):
        if holder.name != relation:
            found += [Rest("rule", r.name, holder.name) for r in holder.rules if relation in r.relations]
    for function in (f for overloads in schema.functions.values() for f in overloads):
        if relation in function.uses or relation in _row_types(function):
            found.append(_function(function))
    return found


def on_type(schema: Schema, name: Name) -> list[Rest]:
    """Give the functions that take or return values of a type."""
    return [_function(f) for held in schema.functions.values() for f in held if name in _row_types(f)]


def _holders(schema: Schema) -> list[Table | View]:
    """Give what may have rules or triggers."""
    return [*bearing(schema.tables, HAS_PROGRAMS), *bearing(schema.views, HAS_PROGRAMS)]


def _row_types(function: Function) -> set[Name]:
    types = [p.type for p in function.parameters] + ([function.returns] if function.returns is not None else [])
    return {Name(t.schema, t.name) for t in types}


def on_column(schema: Schema, table: Table, column: str, *, perhaps: bool = False) -> list[Rest]:
    """Give the triggers, policies, rules and functions that certainly rest on a column of a table.

    `perhaps` gives those too that may mean a column of that name of another relation.
    """

    def is_ours(columns: Iterable[str], relations: Iterable[Name]) -> bool:
        others = (r for r in relations if r != table.name)
        return column in columns and (perhaps or not any(may_have(schema, r, column) for r in others))

    found = [Rest("trigger", t.name, table.name) for t in table.triggers if column in _watched(t)]
    for holder in bearing(schema.tables, HAS_PROGRAMS):
        for policy in holder.policies:
            if holder.name == table.name or table.name in policy.relations:
                own = policy.relations if holder.name == table.name else policy.relations | {holder.name}
                if is_ours(_columns_of(policy), own):
                    found.append(Rest("policy", policy.name, holder.name))
    for relation in _holders(schema):
        for rule in relation.rules:
            near = relation.name == table.name
            if (near or table.name in rule.relations) and is_ours(rule.columns, rule.relations | {relation.name}):
                found.append(Rest("rule", rule.name, relation.name))
    users = [f for held in schema.functions.values() for f in held if table.name in f.uses]
    return found + [_function(f) for f in users if is_ours(f.columns, f.uses)]


def _watched(trigger: Trigger) -> frozenset[str]:
    """Give the columns that a trigger names; those of a clone are its parent's."""
    condition = trigger.condition.columns if trigger.condition is not None else frozenset()
    return condition | set(trigger.columns)


def _columns_of(policy: Policy) -> frozenset[str]:
    return frozenset().union(*(e.columns for e in (policy.using, policy.check) if e is not None))


def may_have(schema: Schema, relation: Name, column: str) -> bool:
    """Say whether a relation has a column of that name, as far as it is known."""
    known = relation_columns(schema, relation)
    return known is None or any(c.name == column for c in known)


def with_all(schema: Schema, found: Iterable[Rest]) -> tuple[Rest, ...]:
    """Add what rests on these in turn."""
    known: dict[Rest, None] = dict.fromkeys(found)
    queue = list(known)
    for rest in queue:
        for further in _on(schema, rest):
            if further not in known:
                known[further] = None
                queue.append(further)
    return tuple(known)


def _on(schema: Schema, rest: Rest) -> list[Rest]:
    if rest.relation is None:
        return []
    if rest.kind == "view":
        near = bearing(schema.views, ("relation", rest.relation))
        views = [Rest("view", v.name.name, v.name) for v in near if rest.relation in v.relations]
        return [*views, *on_relation(schema, rest.relation)]
    if rest.kind == "function":
        wanted = [f for f in schema.functions.get(rest.relation, ()) if f.arguments == rest.detail]
        return [r for f in wanted for r in on_function(schema, f)]
    if rest.kind == "trigger":
        return _clones(schema, rest)
    return []


def _clones(schema: Schema, rest: Rest) -> list[Rest]:
    """Give the clones that partitions have of a trigger; they may have another name before PostgreSQL 15."""
    assert rest.relation is not None
    below = schema.partitions_of(rest.relation)
    return [Rest("trigger", t.name, p.name) for p in below for t in p.triggers if t.inherited and t.name == rest.name]
