"""Turn an app release into questions that a server can be asked; no query is lost on the way."""

from __future__ import annotations

from textwrap import shorten

from migrate_safe.compat.answers import Question, Unasked
from migrate_safe.compat.matrix import Asked, when_alive
from migrate_safe.compat.states import Timeline
from migrate_safe.model.errors import UsageError
from migrate_safe.model.release import AppQuery, AppRelease
from migrate_safe.sql.queries import Prepared, prepare_form

LONGEST_SHOWN = 200
"""Characters of a query that are shown beside what is wrong with it."""

NEVER_RUN = frozenset(
    """
    pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_promote pg_switch_wal pg_sleep
    pg_sleep_for pg_sleep_until dblink dblink_exec dblink_connect lo_export lo_import pg_write_file pg_file_write
    pg_read_file pg_ls_dir pg_logical_emit_message pg_create_logical_replication_slot
    pg_create_physical_replication_slot pg_drop_replication_slot pg_wal_replay_pause pg_wal_replay_resume
    pg_advisory_lock pg_advisory_lock_shared
    """.split()
)
"""Functions whose effects a rollback does not take back, or which wait: queries that call one are only prepared."""


def ask_of(release: AppRelease, timeline: Timeline, *, new: bool) -> Asked:
    """Give all questions of a release, and the states between which its version may be running.

    Raises UsageError for a query that is no SQL: the version cannot have sent it.
    """
    questions: list[Question] = []
    unasked: list[Unasked] = []
    for query in release.queries:
        form = prepare_form(query.sql, recorded=query.recorded)
        if form.problem is None:
            questions.append(question_of(release, query, form))
        elif form.stopped_at is not None and not query.recorded:
            raise _no_sql(query, form.problem, form.sql[: form.stopped_at].count("\n"))
        else:
            unasked.append(Unasked(release.version, query, form.problem))
    reference, first, last = when_alive(timeline, new=new)
    return Asked(release.version, new, tuple(questions), tuple(unasked), reference, first, last)


def _no_sql(query: AppQuery, problem: str, lines: int) -> UsageError:
    file, _, line = query.place.rpartition(":")
    shown = shorten(query.sql, LONGEST_SHOWN, placeholder=" ...")
    return UsageError(
        f"the query is not SQL that PostgreSQL reads: {problem}\n    {shown}",
        place=f"{file}:{int(line) + lines}",
        next_move="correct it, or write it as the app sends it (placeholders: %s, %(name)s, $1, :name, ?)",
    )


def question_of(release: AppRelease, query: AppQuery, form: Prepared) -> Question:
    """Give the question about one query."""
    called = sorted({name.name for name in form.functions} & NEVER_RUN)
    return Question(
        version=release.version,
        query=query,
        sql=form.sql,
        search_path=release.search_path,
        relations=form.relations,
        writes=bool(form.written),
        only_prepare=f"it calls {', '.join(called)}" if called else "",
    )
