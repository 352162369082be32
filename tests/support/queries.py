"""Do the queries of an app version work on a database as it is now? The judge of `migrate-safe check`, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from migrate_safe.adapters.judge import failures
from migrate_safe.compat.questions import question_of
from migrate_safe.model.release import AppQuery, AppRelease
from migrate_safe.sql.queries import prepare_form


def broken_queries(dsn: str, app: AppRelease | Iterable[str]) -> dict[str, str]:
    """Give the queries that cannot work, each with the server's message; {} when all of them work.

    Each is prepared, and executed with sample values in a transaction that is rolled back; rows of the tables help
    (UPDATE finds one, foreign keys hold). A query that the server cannot prepare at all is an error of the test.
    """
    release = app if isinstance(app, AppRelease) else _release(app)
    forms = {query: prepare_form(query.sql) for query in release.queries}
    unfit = {query.sql: form.problem for query, form in forms.items() if form.problem}
    assert not unfit, f"these queries cannot be prepared: {unfit}"
    questions = tuple(question_of(release, query, form) for query, form in forms.items())
    return {question.query.sql: refusal.message for question, refusal in failures(dsn, questions)}


def _release(queries: Iterable[str]) -> AppRelease:
    return AppRelease("app", "now", tuple(AppQuery(sql, f"query {i}") for i, sql in enumerate(queries, 1)))
