"""The support of the tests is tested too: what it normalises away must not hide a difference."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import servers
from tests.support.cli import ROOT
from tests.support.pg import normalised

SCHEMA = """
CREATE TABLE public.t (b int NOT NULL, a text DEFAULT 'x', CONSTRAINT positive CHECK (b > 0));
CREATE INDEX t_a ON public.t (a);
COMMENT ON TABLE public.t IS 'kept';
"""


@pytest.mark.parametrize("word", ["13", "abc", "19", ""])
def test_a_major_that_is_not_supported_is_said_to_be_none(word):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.servers", word], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f'"{word}" is none of the supported majors: 14, 15, 16, 17, 18\n'


def dumped(server, pg_tools, script):
    dsn = server.create_database()
    pg_tools.psql(dsn, script)
    dump = pg_tools.dump_schema(dsn)
    server.drop_database(dsn)
    return dump


def test_the_order_of_columns_is_reported_apart(server, pg_tools):
    one = dumped(server, pg_tools, SCHEMA)
    other = dumped(
        server, pg_tools, SCHEMA.replace("b int NOT NULL, a text DEFAULT 'x'", "a text DEFAULT 'x', b int NOT NULL")
    )
    assert one.text == other.text
    assert one.columns["public.t"][:2] == ("b integer NOT NULL", "a text DEFAULT 'x'::text")
    assert other.columns["public.t"][:2] == tuple(reversed(one.columns["public.t"][:2]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b int NOT NULL", "b int"),
        ("b > 0", "b > 1"),
        ("positive", "negative"),
        ("t_a ON", "t_b ON"),
        ("'kept'", "'lost'"),
        ("DEFAULT 'x'", ""),
    ],
)
def test_every_difference_shows(server, pg_tools, before, after):
    assert before in SCHEMA
    one, other = (dumped(server, pg_tools, script) for script in (SCHEMA, SCHEMA.replace(before, after)))
    assert one.text != other.text


def test_the_journal_is_left_out_and_other_schemas_are_not(server, pg_tools):
    plain = dumped(server, pg_tools, SCHEMA)
    assert (
        dumped(server, pg_tools, SCHEMA + "CREATE SCHEMA migrate_safe; CREATE TABLE migrate_safe.e (a int);") == plain
    )
    assert dumped(server, pg_tools, SCHEMA + "CREATE SCHEMA other;") != plain


def test_noise_is_dropped():
    text = "--\n-- Name: s\n--\n\\restrict abc\nSET lock_timeout = 0;\n\nCREATE SCHEMA s;\n\\unrestrict abc\n"
    assert normalised(text).text == "CREATE SCHEMA s;"


def test_each_server_has_the_major_that_was_asked_for(each_server, each_database, connect, request):
    assert connect(each_database).info.server_version // 10000 == each_server.version
    assert each_server.version in servers.wanted_majors()
    assert request.node.get_closest_marker("matrix")


def test_the_wheels_pg_dump_reads_every_major(each_database, pg_tools):
    pg_tools.psql(each_database, SCHEMA)
    assert "CREATE INDEX t_a ON public.t" in pg_tools.dump_schema(each_database).text


def test_majors_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(servers.MAJORS_VARIABLE, "14, 18")
    assert servers.wanted_majors() == (14, 18)
    assert servers.must_have_all()
    monkeypatch.setenv(servers.MAJORS_VARIABLE, "9")
    with pytest.raises(ValueError, match=r"names \[9\]"):
        servers.wanted_majors()
    monkeypatch.delenv(servers.MAJORS_VARIABLE)
    assert servers.wanted_majors() == (18,)
    assert not servers.must_have_all()


def test_a_folder_named_by_the_environment_wins(monkeypatch, tmp_path):
    folder = servers.embedded_bin()
    link = tmp_path / "bin"
    link.symlink_to(folder)
    monkeypatch.setenv("MIGRATE_SAFE_PG_BIN_18", str(link))
    assert servers.source_of(18) == str(link)


def test_a_major_that_is_nowhere_comes_from_docker(monkeypatch, tmp_path):
    monkeypatch.setenv(servers.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(servers, "machine_bins", lambda: ())
    assert servers.source_of(17) == "docker"
