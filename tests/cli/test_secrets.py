"""No password is shown, wherever it stands on the command line and however malformed the connection string is."""

from __future__ import annotations

import contextlib
import io
import os
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from migrate_safe.cli.main import main
from migrate_safe.model.secrets import hide, secrets_of

LETTERS = "QXZJ"
"""Capital letters that none of our own words have next to each other."""
ODD = "@/:?#&=%,'\"\\ []+-._;$!"
PLACES = (
    ("status", "--dsn", "DSN"),
    ("status", "DSN", "--dsn", "host=127.0.0.1 port=1"),
    ("apply", "DSN", "--dsn", "host=127.0.0.1 port=1"),
    ("apply", "DSN.yaml", "--dsn", "host=127.0.0.1 port=1"),
    ("apply", "p.yaml", "DSN"),
    ("apply", "p.yaml", "--dns", "DSN"),
    ("apply", "p.yaml", "--dns=DSN"),
    ("apply", "p.yaml", "-dsn", "DSN"),
    ("apply", "p.yaml", "--through", "DSN"),
    ("apply", "p.yaml", "--batch-rows", "DSN"),
    ("rollback", "DSN", "--dsn", "host=127.0.0.1 port=1"),
    ("purge", "DSN"),
    ("plan", "DSN"),
    ("lint", "DSN"),
    ("check", "DSN"),
    ("explain", "DSN"),
    ("DSN",),
    ("--DSN",),
)

runs = st.text(LETTERS, min_size=2, max_size=6)
passwords = st.lists(st.one_of(runs, st.text(ODD, min_size=1, max_size=2)), min_size=1, max_size=6).map("".join)
shapes = st.sampled_from(
    [
        "postgresql://user:{}@127.0.0.1:1/shop",
        "postgres://user:{}@127.0.0.1:1/shop?sslmode=disable",
        "postgresql+psycopg://user:{}@127.0.0.1:1/shop",
        "postgresql:/user:{}@127.0.0.1:1/shop",
        " postgresql://user:{}@127.0.0.1:1/shop",
        "'postgresql://user:{}@127.0.0.1:1/shop'",
        "postgresql://user:{}",
        "postgresql://127.0.0.1:1/shop?user=u&password={}",
        "postgresql://127.0.0.1:1/shop?password={}&user=u",
        "postgresql://127.0.0.1:1/shop?passwd={}",
        "host=127.0.0.1 port=1 user=u password={} dbname=shop",
        "password={}",
        "password='{}' host=127.0.0.1 port=1",
        "host=127.0.0.1 port=1 pasword = {}",
    ]
)


def told(*words: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(words)
    assert code in (1, 2, 75), out.getvalue()
    assert "internal error" not in out.getvalue()
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), shapes, passwords)
@example(PLACES[0], "postgresql://user:{}@127.0.0.1:1/shop", "QX@XQ")
@example(PLACES[0], "postgresql://user:{}@127.0.0.1:1/shop", "QX/XQ")
@example(PLACES[2], "postgresql://user:{}@127.0.0.1:1/shop", "QX XQ")
@example(PLACES[4], "host=127.0.0.1 port=1 user=u password={} dbname=shop", "QX XQ=ZZ")
@example(PLACES[2], "password='{}' host=127.0.0.1 port=1", "'QX")
@example(PLACES[2], "password='{}' host=127.0.0.1 port=1", "QX' XQ")
def test_no_password_is_ever_shown(place: tuple[str, ...], shape: str, password: str) -> None:
    assume(shape.endswith("/user:{}") <= ("@" not in password))  # what follows it would by all appearances be the host
    text = told(*(word.replace("DSN", shape.format(password)) for word in place))
    shown = [run for run in re.findall(f"[{LETTERS}]{{2,}}", password) if run in text]
    assert shown == []


@pytest.mark.parametrize("variable", ["DATABASE_URL", "PGPASSWORD"])
def test_nor_one_of_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    for name in [n for n in os.environ if n.startswith("PG") or n == "DATABASE_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, "QX XQ" if variable == "PGPASSWORD" else "postgres//u:QX@XQ@127.0.0.1/shop")
    text = told("apply", "postgresql://u:QX XQ@127.0.0.1:1/shop", "--role", "QX@XQ")
    assert "QX" not in text
    assert "XQ" not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:secret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:se@cret@h/d", "postgresql://u:***@h/d"),
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        ("password='a b\\'c' user=u", "password=*** user=u"),
        (
            "postgresql://h/d?user=u&password=secret&sslmode=require",
            "postgresql://h/d?user=u&password=***&sslmode=require",
        ),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("write postgresql://user@host:5432/database", "write postgresql://user@host:5432/database"),
    ],
)
def test_what_is_hidden_in_a_text(text: str, shown: str) -> None:
    assert hide(text) == shown


@pytest.mark.parametrize(
    ("word", "secrets"),
    [
        ("postgresql://u:secret@h:5/d", {"secret"}),
        ("postgresql://u:a%40b@h/d", {"a%40b", "a", "40b", "a@b"}),
        ("postgresql://h:5432/d", set()),
        ("postgresql://h/d", set()),
        ("host=h password=secret dbname=d", {"secret"}),
        ("postgresql://u:secret/d", {"secret/d", "secret", "d"}),
        ("passfile=/home/me/.pgpass host=h", set()),
        ("plans/0042.yaml", set()),
        ("https://example.org/a", set()),
    ],
)
def test_what_may_be_a_password(word: str, secrets: set[str]) -> None:
    assert secrets_of(word) == secrets


def test_words_of_our_own_stay_readable_beside_a_common_password() -> None:
    words = 'write postgresql://user@host; role "postgres" has no password "x"'
    assert hide(words, ["host=h password=postgres"]) == words.replace('"postgres"', '"***"')
