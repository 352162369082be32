"""What statements do that are known by their kind alone: each family is asked in turn."""

from __future__ import annotations

from migrate_safe.catalog.evolve.namespaces import functions_in, types_in
from migrate_safe.effects import maintenance, programs, replication, rights, user_types, views
from migrate_safe.effects.combine import Scene, breaking, merge
from migrate_safe.effects.doubts import Doubt
from migrate_safe.effects.programs import dropped_with_function
from migrate_safe.effects.sequences import drop_sequence
from migrate_safe.effects.tables import drop_table
from migrate_safe.effects.unknown import Unknown, known_relations, worst_case
from migrate_safe.effects.user_types import dropped_with_type
from migrate_safe.model.effect import BreakKind, Effect, TransactionRule
from migrate_safe.model.said import Dropped
from migrate_safe.model.schema import TEMPORARY
from migrate_safe.model.statement import DropSequence, DropTable, DropView, Other

_FAMILIES = (
    maintenance.other,
    programs.other,
    replication.other,
    rights.other,
    user_types.other,
)

_HARMLESS = frozenset(
    """
    AlterDefaultPrivilegesStmt AlterFdwStmt AlterForeignServerStmt AlterOwnerStmt AlterRoleSetStmt AlterRoleStmt
    AlterTypeStmt AlterUserMappingStmt AlterDatabaseSetStmt AlterDatabaseStmt CheckPointStmt ClosePortalStmt
    CompositeTypeStmt ConstraintsSetStmt CreateExtensionStmt AlterExtensionStmt CreateFdwStmt CreateForeignServerStmt
    CreateRangeStmt CreateRoleStmt CreateUserMappingStmt DeallocateStmt DefineStmt DropRoleStmt DropUserMappingStmt
    FetchStmt GrantRoleStmt ListenStmt LoadStmt NotifyStmt UnlistenStmt VariableSetStmt VariableShowStmt
    AlterTableSpaceOptionsStmt AlterDatabaseRefreshCollStmt
    """.split()
)
"""Statements that lock no relation that clients use, or none before the next write."""

_ALONE = frozenset(
    """
    AlterSystemStmt CreatedbStmt DropdbStmt CreateTableSpaceStmt DropTableSpaceStmt CreateSubscriptionStmt
    DropSubscriptionStmt
    """.split()
)
"""Statements that are forbidden in a transaction block and lock no table."""


def other(scene: Scene, action: Other) -> Effect:
    """Give the effect of a statement that is known by its kind alone; the worst case where no family knows it."""
    for family in _FAMILIES:
        found = family(scene, action)
        if found is not None:
            return found
    relations = [scene.schema.resolve(o) for o in action.objects]
    match action.kind:
        case "DropStmt":
            return _drop(scene, action)
        case "TransactionStmt":
            return _prepared(action)
        case "RenameStmt":
            return merge(*(breaking(BreakKind.GONE, str(o)) for o in action.objects[:1]))
        case "AlterObjectSchemaStmt" if action.detail in ("statistic ext", "extension"):
            return merge(*(breaking(BreakKind.GONE, str(o)) for o in action.objects[:1]))
        case "DiscardStmt":
            return _discarded(scene, action)
        case "AlterDatabaseStmt" if action.detail == "tablespace":
            return Effect(transaction=TransactionRule.FORBIDDEN)
        case kind if kind in _HARMLESS:
            return Effect()
        case kind if kind in _ALONE:
            loses = ("database",) if kind == "DropdbStmt" else ()
            return Effect(transaction=TransactionRule.FORBIDDEN, loses=loses)
        case _:
            reason = Unknown.STATEMENT.because(action.kind)
            return worst_case(scene, reason, *known_relations(scene.schema, relations))


def _prepared(action: Other) -> Effect:
    """COMMIT PREPARED and ROLLBACK PREPARED end another transaction; what the first one brings is not known."""
    unknown = Unknown.PREPARED.because() if action.detail.startswith("commit") else None
    return Effect(transaction=TransactionRule.FORBIDDEN, unknown=unknown)


def _discarded(scene: Scene, action: Other) -> Effect:
    """DISCARD drops what is temporary, which only its session can use."""
    rule = TransactionRule.FORBIDDEN if action.detail == "all" else TransactionRule.ANY
    locks = _emptied(scene, TEMPORARY).locks if action.detail in ("all", "temp") else ()
    return Effect(locks=locks, transaction=rule)


def _emptied(scene: Scene, name: str) -> Effect:
    """Drop all relations of a schema with what rests on them."""
    schema = scene.schema
    tables = tuple(n for n in schema.tables if n.schema == name)
    found = tuple(n for n in schema.views if n.schema == name)
    sequences = tuple(n for n in schema.sequences if n.schema == name)
    return merge(
        drop_table(scene, DropTable(tables, cascade=True)),
        views.drop_view(scene, DropView(found, cascade=True)),
        drop_sequence(scene, DropSequence(sequences, cascade=True)),
        *(dropped_with_function(scene, f) for f in functions_in(schema, name)),
        *(dropped_with_type(scene, n) for n in types_in(schema, name)),
    )


def _drop(scene: Scene, action: Other) -> Effect:
    gone = [breaking(BreakKind.GONE, str(o)) for o in action.objects]
    match action.detail:
        case "schema":
            lost = tuple(f"schema {o.name}" for o in action.objects)
            return merge(*(_emptied(scene, o.name) for o in action.objects), *gone, Effect(loses=lost))
        case "extension":
            if scene.schema.complete:
                known = [o for o in action.objects if ("extension", o) in scene.schema.things]
                if not known:
                    return Effect()
            names = ", ".join(o.name for o in action.objects)
            if isinstance(action.says, Dropped) and action.says.cascade:
                return merge(*gone, Unknown.USED.effect("extension", names))
            return merge(*gone, Doubt.EXTENSION.effect(names))
        case _:
            return merge(*gone)
