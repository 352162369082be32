from __future__ import annotations

import re
import socket

import pytest
from psycopg.conninfo import make_conninfo

from migrate_safe.adapters.postgres import connect, describe, parse_dsn, with_database
from migrate_safe.adapters.scratch import scratch_server
from migrate_safe.model.errors import Exit, TryLater, UsageError

SECRET = "tr0ub4dor"


def test_a_connection_is_autocommit_and_carries_our_name(database, connect):
    connection = connect(database)
    assert connection.autocommit
    (name,) = connection.execute("SHOW application_name").fetchone()
    assert name == "test"


def test_the_users_own_application_name_wins(database):
    with connect(f"{database} application_name=deploy") as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("deploy",)


def test_an_empty_dsn_means_the_environment(server, monkeypatch):
    parts = parse_dsn(server.dsn())
    for variable, key in {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}.items():
        monkeypatch.setenv(variable, parts[key])
    with connect() as connection:
        assert connection.info.dbname == parts["dbname"]


def test_a_service_file_is_read(server, monkeypatch, tmp_path):
    lines = "\n".join(f"{key}={value}" for key, value in parse_dsn(server.dsn()).items())
    (tmp_path / "services").write_text(f"[shop]\n{lines}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with connect("service=shop") as connection:
        assert connection.info.user == "postgres"
    with pytest.raises(UsageError, match='cannot connect to service "nobody"'):
        connect("service=nobody")


def test_nobody_listening_is_temporary_and_shows_no_password():
    with pytest.raises(TryLater) as caught:
        connect(f"postgresql://deploy:{SECRET}@127.0.0.1:1/shop")
    assert caught.value.code is Exit.TRY_LATER
    assert "cannot connect to shop on 127.0.0.1:1 as deploy" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("change", "words"),
    [({"dbname": "nowhere"}, 'database "nowhere" does not exist'), ({"user": "stranger"}, 'role "stranger" does not')],
)
def test_what_will_not_pass_by_itself_is_usage(server, change, words):
    dsn = " ".join(f"{key}={value}" for key, value in {**parse_dsn(server.dsn()), **change}.items())
    with pytest.raises(UsageError, match=words):
        connect(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{SECRET}@host:5432/shop?nonsense=1",
        f"postgresql://u:{SECRET} x@host/shop",
        f"password={SECRET} nonsense",
        f"password={SECRET} colour=blue",
        "host='unfinished",
    ],
)
def test_a_malformed_dsn_is_usage_and_shows_no_password(dsn):
    with pytest.raises(UsageError, match="malformed connection string") as caught:
        connect(dsn)
    assert SECRET not in str(caught.value)
    assert "postgresql://user@host:5432/database" in str(caught.value)


def test_with_database_keeps_everything_else():
    assert parse_dsn(with_database("postgresql://u:p@h:1/a?sslmode=require", "b c")) == {
        "user": "u",
        "password": "p",
        "host": "h",
        "port": "1",
        "dbname": "b c",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sslmode": "foo"}, 'invalid sslmode value: "foo"'),
        ({"target_session_attrs": "foo"}, 'invalid target_session_attrs value: "foo"'),
        ({"target_session_attrs": "standby"}, "server is not in hot standby mode"),
        ({"host": "no such name"}, "failed to resolve host 'no such name'"),
        ({"host": "a..b"}, "it is no text that a connection string can be made of"),
        ({"port": "abc"}, 'invalid integer value "abc"'),
        ({"host": "localhost", "port": "abc"}, "localhost:abc"),
        ({"options": "-c nonsense=1"}, 'unrecognized configuration parameter "nonsense"'),
    ],
)
def test_a_setting_that_no_retry_mends_is_usage(each_server, change, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        connect(make_conninfo("", **{**parse_dsn(each_server.dsn()), **change}))


def test_encryption_that_the_server_does_not_have_is_usage():
    with (
        scratch_server("embedded", listen="localhost") as server,
        pytest.raises(UsageError, match="server does not support SSL"),
    ):
        connect(f"{server.dsn()} sslmode=require")


@pytest.mark.parametrize(
    ("number", "error"), [(socket.EAI_NONAME, UsageError), (socket.EAI_AGAIN, TryLater), (socket.EAI_FAIL, TryLater)]
)
def test_a_name_that_means_nothing_is_usage_and_a_resolver_that_is_down_is_temporary(monkeypatch, number, error):
    def unresolved(*_, **__):
        raise socket.gaierror(number, "in any words")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)  # the network's answer is not the test's to choose
    with pytest.raises(error, match="failed to resolve host"):
        connect("host=db.example.org")


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:a@{SECRET}@h/d",
        f"postgresql://u:a/{SECRET}@h/d",
        f"postgresql://u:{SECRET}/a@h:1/d",
        f"postgresql://u:@{SECRET}@h",
    ],
)
def test_a_password_that_must_be_escaped_is_told_how(dsn):
    with pytest.raises(UsageError, match="write @ as %40, / as %2F") as caught:
        connect(dsn)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p@h/d@x",
        "postgresql://h:1/d@x",
        "postgresql://[::1]:5/d@x",
        "postgresql:///d@x",
        "postgresql://h/d?application_name=a@b",
        "postgresql://a:1,b:2/d@x",
        "host=@/abstract",
    ],
)
def test_an_at_sign_elsewhere_is_none_of_a_password(dsn):
    assert parse_dsn(dsn)


def test_an_unknown_option_is_shown_when_it_is_one_misspelt():
    with pytest.raises(UsageError, match=r'"pasword" \(did you mean "password"\?\)'):
        parse_dsn(f"pasword={SECRET}")
    with pytest.raises(UsageError) as caught:
        parse_dsn(f"password=a {SECRET}=b")
    assert SECRET not in str(caught.value)


def test_describe_names_the_place_only():
    assert describe(f"postgresql://u:{SECRET}@h:5/d") == "d on h:5 as u"
    assert describe("") == "the default database on the default host"
