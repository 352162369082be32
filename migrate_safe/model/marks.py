"""The marks by which migration runners are known: names of files, and comments."""

from __future__ import annotations

import re

from migrate_safe.model.framework import Framework

COMMENT = re.compile(
    r"--(?:"
    r"[ \t]*\+goose[ \t]+(?P<goose>\S.*?)"
    r"|[ \t]*\+migrate[ \t]+(?P<sql_migrate>\S.*?)"
    r"|[ \t]*migrate:(?P<dbmate>(?:up|down)\b.*?)"
    r"|[ \t]*(?P<sqlx>no-transaction)"
    r"|[ \t]*morph:(?P<morph>nontransactional)"
    r"|[ \t]*atlas:(?P<atlas>txmode[ \t]+(?:none|file))"
    r"|--[ \t]*(?P<tern>create above / drop below|tern: disable-tx)[ \t]*----"
    r"|[ \t]*(?P<liquibase>liquibase[ \t]+formatted[ \t]+sql\b.*?|changeset[ \t]+[^\s:]+:\S.*?)"
    r"|>[ \t]*(?P<drizzle>statement-breakpoint)"
    r"|[\s-]*(?P<node_pg_migrate>(?:up|down)[ \t]+migration)"
    r")[ \t]*\Z",
    re.IGNORECASE,
)
_FILE_NAMES = (
    (Framework.GOLANG_MIGRATE, re.compile(r"\.(?P<direction>up|down)\.(?:p?sql|pgsql)\Z", re.IGNORECASE)),
    (Framework.DIESEL, re.compile(r"(?:\A|[/\\])(?P<direction>up|down)\.sql\Z", re.IGNORECASE)),
    (Framework.PRISMA, re.compile(r"(?:\A|[/\\])migration\.sql\Z", re.IGNORECASE)),
    (
        Framework.FLYWAY,
        re.compile(r"(?:\A|[/\\])(?:[VB][0-9][0-9._]*|(?P<direction>U)[0-9][0-9._]*|R)__[^/\\]*\.sql\Z"),
    ),
)
AUTOCOMMIT = re.compile(r"\.autocommit\.(?:up|down)\.sql\Z")


def named_framework(path: str) -> Framework | None:
    """Give the runner that a file's name, or that of its folder, tells."""
    if AUTOCOMMIT.search(path):
        return Framework.ORY
    return next((framework for framework, pattern in _FILE_NAMES if pattern.search(path)), None)


def framework_in(comment: str) -> Framework | None:
    """Give the runner that a line comment speaks to."""
    found = COMMENT.match(comment)
    return None if found is None else spoken_to(found)


def spoken_to(match: re.Match[str]) -> Framework:
    """Give the runner of a comment that COMMENT has matched."""
    assert match.lastgroup is not None, "each alternative is a group"
    return Framework(match.lastgroup.replace("_", "-"))


def is_down_by_name(path: str) -> bool:
    """Say whether a file's name says that it is a way back."""
    for _, pattern in _FILE_NAMES:
        if found := pattern.search(path):
            return (found.groupdict().get("direction") or "up").lower() != "up"
    return False
