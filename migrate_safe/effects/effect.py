"""The effect of one statement."""

from __future__ import annotations

from migrate_safe.catalog.change import CannotApply
from migrate_safe.catalog.evolve import apply
from migrate_safe.catalog.evolve.routines import runs_of
from migrate_safe.catalog.guesses import without_guesses
from migrate_safe.catalog.stored_views import as_tables
from migrate_safe.effects import (
    dml,
    foreign,
    indexes,
    others,
    programs,
    rebuilding,
    sequences,
    tables,
    triggers,
    user_types,
    views,
    whole_tables,
)
from migrate_safe.effects.absent_names import absent_name
from migrate_safe.effects.blocks import do_block, psql_command
from migrate_safe.effects.combine import Scene, merge
from migrate_safe.effects.event_triggers import fired_by_change
from migrate_safe.effects.firing import called_by_data, fired_by_data, fired_by_truncation
from migrate_safe.effects.fresh_enums import used_too_early
from migrate_safe.effects.function_bodies import refused_body
from migrate_safe.effects.holding import holding
from migrate_safe.effects.lacking import lacked
from migrate_safe.effects.pending_events import refused_while_pending
from migrate_safe.effects.read_by_cursors import read_by_cursor
from migrate_safe.effects.safe_path import unfound
from migrate_safe.effects.server_settings import refused_setting
from migrate_safe.effects.session_names import named_statement, refused_name
from migrate_safe.effects.table_actions import alter_table
from migrate_safe.effects.unknown import Unknown, worst_case
from migrate_safe.model.effect import Effect, Session, TransactionRule
from migrate_safe.model.schema import Schema
from migrate_safe.model.statement import (
    Action,
    AlterSequence,
    AlterTable,
    CreateIndex,
    CreateSequence,
    CreateTable,
    CreateTrigger,
    CreateView,
    Dml,
    DoBlock,
    DropIndex,
    DropSequence,
    DropTable,
    DropTrigger,
    DropView,
    ForeignAction,
    LockTable,
    Other,
    ProgramAction,
    PsqlCommand,
    RefreshView,
    Reindex,
    RenameColumn,
    RenameConstraint,
    RenameTable,
    SetSchema,
    SetVariable,
    Statement,
    Transaction,
    Truncate,
    TypeAction,
    Unparsed,
    Unread,
)
from migrate_safe.model.values import replace
from migrate_safe.sql.newer import NEWEST, newest_feature


def effect_of(
    statement: Statement, schema: Schema, *, session: Session | None = None, in_transaction: bool = False
) -> Effect:
    """Give the effect of one statement on a schema, seen by itself."""
    return effect_in(Scene(schema, session or Session(), in_transaction), statement)


def effect_in(scene: Scene, statement: Statement) -> Effect:
    """Give the effect of a statement in its scene, with the reason where the server would refuse it."""
    return outcome_in(scene, statement)[0]


def outcome_in(scene: Scene, statement: Statement) -> tuple[Effect, Schema]:
    """Give the effect of a statement and the schema after it; one that the server refuses changes nothing.

    What is certain of a refusal depends on nothing.
    """
    named = named_statement(scene, statement)
    if named is not statement:
        reason = refused_name(scene, statement.action)
        return (Effect(fails=reason), scene.schema) if reason is not None else outcome_in(scene, named)
    known = without_guesses(scene.schema, statement.action)
    scene = scene if known is scene.schema else scene.at(known)
    effect = merge(
        _effect(scene, statement.action),
        lacked(scene.schema, statement.action),
        refused_while_pending(scene, statement.action),
        unfound(scene, statement.action),
    )
    effect = merge(effect, fired_by_change(scene, statement, effect, effect_in))
    runs = runs_of(scene.schema, statement.action)
    if runs:
        ran = (do_block(scene.at(run.within(scene.schema)), run.block, effect_in) for run in runs)
        effect = merge(effect if isinstance(statement.action, Dml) else Effect(), *ran)
    reason = effect.fails or _refused_here(scene, statement, effect)
    if reason is None:
        try:
            return effect, apply(scene.schema, statement)
        except CannotApply as refusal:
            reason = refusal.reason
    return replace(effect, fails=reason, depends=(), unknown=None), scene.schema


def _refused_here(scene: Scene, statement: Statement, effect: Effect) -> str | None:
    """Say why the server would certainly refuse the statement in this transaction, or None."""
    newest = newest_feature(statement.text) if scene.version < NEWEST else None
    if newest is not None and newest.since > scene.version:
        return f"PostgreSQL {scene.version} does not know {newest.words}, which {newest.since} brought"
    if scene.in_transaction and effect.transaction is TransactionRule.FORBIDDEN:
        return "cannot run inside a transaction block"
    action = statement.action
    reason = refused_name(scene, action) or read_by_cursor(scene, action) or refused_setting(scene, action)
    reason = reason or refused_body(scene, action)
    return reason or used_too_early(scene, statement) or absent_name(scene, statement)


def _effect(scene: Scene, action: Action) -> Effect:
    match action:
        case AlterTable():
            return alter_table(scene, action)
        case CreateTable():
            return tables.create_table(scene, action)
        case DropTable():
            return tables.drop_table(scene, action)
        case RenameTable():
            return tables.rename_table(scene, action)
        case RenameColumn():
            return tables.rename_column(scene, action)
        case RenameConstraint():
            return tables.rename_constraint(scene, action)
        case SetSchema():
            return tables.set_schema(scene, action)
        case Truncate():
            return merge(whole_tables.truncate(scene, action), fired_by_truncation(scene, action, effect_in))
        case LockTable():
            return whole_tables.lock_table(scene, action)
        case CreateIndex():
            return indexes.create_index(_stored(scene), action)
        case DropIndex():
            return indexes.drop_index(_stored(scene), action)
        case Reindex():
            return rebuilding.reindex(scene, action)
        case Dml():
            fired = fired_by_data(scene, action, effect_in)
            return merge(dml.data(scene, action), fired, called_by_data(scene, action, effect_in))
        case _:
            return _of_other_objects(scene, action)


def _stored(scene: Scene) -> Scene:
    """See materialized views as the tables that they are to their indexes."""
    return scene.at(as_tables(scene.schema))


def _of_other_objects(scene: Scene, action: Action) -> Effect:
    if isinstance(action, TypeAction):
        return user_types.type_action(scene, action)
    if isinstance(action, ForeignAction):
        return foreign.foreign_action(scene, action)
    match action:
        case CreateTrigger():
            return triggers.create_trigger(scene, action)
        case DropTrigger():
            return triggers.drop_trigger(scene, action)
        case CreateView() | DropView() | RefreshView():
            return views.view_action(scene, action)
        case CreateSequence() | AlterSequence() | DropSequence():
            return sequences.sequence_action(scene, action)
        case Other():
            held = holding(scene, action, effect_in)
            return held if held is not None else others.other(scene, action)
        case PsqlCommand():
            return psql_command(action)
        case Unparsed(reason=reason):
            return worst_case(scene, Unknown.NOT_SQL.because(reason))
        case Unread(reason=reason):
            return worst_case(scene, Unknown.UNREAD.because(reason))
        case action if isinstance(action, ProgramAction):
            return programs.program(scene, action)
        case DoBlock() | Transaction() | SetVariable():
            return Effect()
        case _:
            return worst_case(scene, Unknown.STATEMENT.because(type(action).__name__))
