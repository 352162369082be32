"""Which runner a folder of migrations belongs to, told by the files in it, beside it and above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from migrate_safe.model.framework import Framework, Runner
from migrate_safe.model.marks import framework_in, named_framework
from migrate_safe.model.values import replace

SQITCH_PLAN = "sqitch.plan"
_HEAD = 20_000
"""Characters of a file in which marks are looked for."""

_MANIFESTS = (
    ("Cargo.toml", re.compile(r"^\s*[\"']?sqlx[\"']?\s*(=|\.)", re.MULTILINE), Framework.SQLX),
    ("Cargo.toml", re.compile(r"^\[.*dependencies\.sqlx\]", re.MULTILINE), Framework.SQLX),
    ("package.json", re.compile(r'"node-pg-migrate"\s*:'), Framework.NODE_PG_MIGRATE),
)
"""Files of a project that name a runner whose migrations bear no other sign."""

_SQITCH_FOLDERS = frozenset({"deploy", "revert", "verify"})
_BY_NAME = (Framework.GOLANG_MIGRATE, Framework.DIESEL, Framework.PRISMA, Framework.FLYWAY, Framework.ORY)

_FLYWAY_SETTINGS = (
    *("flyway.toml", "flyway.user.toml", "flyway.conf", "conf/flyway.conf", "conf/flyway.toml"),
    *("application.properties", "application.yml", "application.yaml", "pom.xml", "build.gradle", "build.gradle.kts"),
    *(f"src/main/resources/application.{ending}" for ending in ("properties", "yml", "yaml")),
    *("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", ".env"),
)
_MIXED = re.compile(r"^[^#\n]*\bmixed\b[\"']?\s*[=:>]\s*[\"']?true", re.MULTILINE | re.IGNORECASE)
_LOCK_IS_FREE = re.compile(
    r"^[^#\n]*transactional(?:[._-]?|\W{0,3}\n\s*)lock\b[\"']?\s*[=:>,]\s*[\"']?false", re.MULTILINE | re.IGNORECASE
)
"""`flyway.postgresql.transactional.lock=false`, as properties, TOML, YAML, XML and Gradle write it."""
_PLACEHOLDER = re.compile(
    r"^[ \t]*(?:spring\.)?flyway\.placeholders\.([\w.-]+)[ \t]*[=:][ \t]*(.*?)[ \t]*$", re.MULTILINE
)
_NUMBERED = re.compile(r"\d+_")
_PLACEHOLDER_KEY = re.compile(r"(?:spring\.)?flyway\.placeholders\.(.+)")
_PRISMA_SPLITS = (7, 4)
"""The version since which Prisma sends CREATE INDEX CONCURRENTLY by itself."""


def framework_of(root: Path, files: Sequence[Path]) -> Framework | None:
    """Give the runner of the migrations below a folder, None where nothing tells; `files` are its SQL files."""
    if is_planned(root):
        return Framework.SQITCH
    if _is_there(root / "meta" / "_journal.json"):
        return Framework.DRIZZLE
    if (root.absolute().parent.name, root.absolute().name) == ("supabase", "migrations"):
        return Framework.SUPABASE
    named = next((found for path in files if (found := named_framework(str(path))) is not None), None)
    if named is Framework.GOLANG_MIGRATE:
        return _manifest(root, (Framework.SQLX,)) or named
    if named is not None:
        return named
    marked = _marked(files)
    if marked is not None:
        return marked
    if _is_there(root / "tern.conf"):
        return Framework.TERN
    if _is_there(root / "atlas.sum"):
        return Framework.ATLAS
    return _manifest(root, (Framework.SQLX, Framework.NODE_PG_MIGRATE)) if _numbered(files) else None


def shared_runner(root: Path, framework: Framework | None) -> Runner:
    """Give what the files beside and above a folder of migrations say of how a runner takes them."""
    match framework:
        case Framework.FLYWAY:
            mixed, holds = _flyway_says(root, _MIXED), not _flyway_says(root, _LOCK_IS_FREE)
            return Runner(framework, mixed=mixed, holds=holds, values=_flyway_values(root))
        case Framework.PRISMA:
            return Runner(framework, mixed=_prisma_version(root) >= _PRISMA_SPLITS)
        case _:
            return Runner(framework)


def runner_of(path: Path, shared: Runner) -> Runner:
    """Give what the files beside a migration say of how it runs, on top of what is known for the whole folder.

    What is known by the names of its files is not the runner of a file that is named otherwise.
    """
    if shared.framework in _BY_NAME and named_framework(str(path)) is not shared.framework:
        return Runner()
    match shared.framework:
        case Framework.DIESEL:
            return replace(shared, transaction=_diesel_transaction(path.parent))
        case Framework.FLYWAY:
            return replace(shared, transaction=_flyway_transaction(path))
        case Framework.SQITCH:
            return replace(shared, down=is_revert(path))
        case _:
            return shared


def forced_runner(path: Path, root: Path, framework: Framework) -> Runner:
    """Give the same where the user names the runner: then no name of a file and no mark in it speaks of another."""
    shared = shared_runner(root, framework)
    found = replace(runner_of(path, shared), framework=framework, mixed=shared.mixed, forced=True)
    return replace(found, holds=shared.holds, values=shared.values)


def is_revert(path: Path) -> bool:
    """Say whether a file is a way back of Sqitch."""
    return sqitch_root(path.parent) is not None and "revert" in path.parts and "deploy" not in path.parts


def is_planned(root: Path) -> bool:
    """Say whether a folder holds a plan of Sqitch."""
    return _is_there(root / SQITCH_PLAN)


def sqitch_root(folder: Path) -> Path | None:
    """Give the folder with the plan to which Sqitch's scripts in a folder belong."""
    for each in (folder, *folder.parents) if _SQITCH_FOLDERS.intersection(folder.parts) else ():
        if each.name in _SQITCH_FOLDERS and is_planned(each.parent):
            return each.parent
    return None


def sqitch_files(root: Path) -> tuple[Path, ...]:
    """Give the scripts of a plan in its order, ways back beside their ways forward.

    A change that is reworked later has its script under the name of the tag that came before that.
    """
    names: list[str] = []
    for line in _text(root / SQITCH_PLAN).splitlines():
        word = (line.split() or [""])[0]
        if word.startswith("@"):
            names = [f"{n}{word}" if "@" not in n and _reworked(root, n, word) else n for n in names]
        elif word and word[0] not in "%#-+\\":
            names.append(word)
    beside = (root / kind / f"{name}.sql" for name in names for kind in ("deploy", "revert"))
    return tuple(path for path in beside if _is_there(path))


def journal_order(root: Path) -> dict[str, int]:
    """Give the places of Drizzle's migrations, by their names without `.sql`."""
    import json  # rarely needed

    try:
        entries = json.loads(_text(root / "meta" / "_journal.json"))["entries"]
        return {str(entry["tag"]): int(entry["idx"]) for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


# ---- below -----------------------------------------------------------------------------------


def _marked(files: Sequence[Path]) -> Framework | None:
    """Look for marks in a file; the last one is of today's runner."""
    for path in files[-1:]:
        for line in _text(path)[:_HEAD].splitlines():
            stripped = line.lstrip("\ufeff")
            if stripped.startswith("--") and (found := framework_in(stripped.rstrip())) is not None:
                return None if found is Framework.SQLX else found
    return None


def _numbered(files: Sequence[Path]) -> bool:
    return bool(files) and all(_NUMBERED.match(path.name) for path in files)


def _manifest(root: Path, among: Sequence[Framework]) -> Framework | None:
    for folder in _upwards(root):
        for name, pattern, framework in _MANIFESTS:
            if framework in among and pattern.search(_text(folder / name)):
                return framework if framework is not Framework.SQLX or root.absolute().name == "migrations" else None
    return None


def _upwards(folder: Path) -> Iterator[Path]:
    """Give a folder and those above it, up to the top of the repository; without one, none above the parent."""
    here = folder.absolute()
    way = [here, *here.parents]
    tops = [number for number, each in enumerate(way) if _is_there(each / ".git")]
    yield from way[: tops[0] + 1 if tops else 2]


def _diesel_transaction(folder: Path) -> bool | None:
    import tomllib  # rarely needed

    try:
        said = tomllib.loads(_text(folder / "metadata.toml")).get("run_in_transaction")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    return said if isinstance(said, bool) else None


def _flyway_transaction(path: Path) -> bool | None:
    said = re.search(r"^\s*executeInTransaction\s*=\s*(true|false)\b", _text(Path(f"{path}.conf")), re.M | re.I)
    return said[1].lower() == "true" if said else None


def _flyway_says(root: Path, setting: re.Pattern[str]) -> bool:
    return any(setting.search(_text(folder / name)) for folder in _upwards(root) for name in _FLYWAY_SETTINGS)


def _flyway_values(root: Path) -> tuple[tuple[str, str], ...]:
    """Give the placeholders that Flyway's settings know, the nearest ones first to count."""
    found: dict[str, str] = {}
    for folder in reversed(list(_upwards(root))):
        for name in _FLYWAY_SETTINGS:
            text = _text(folder / name)
            if "placeholders" in text:
                found |= {key: value for key, value in _placeholders(name, text) if not _is_open(value)}
    return tuple(found.items())


def _is_open(value: str) -> bool:
    """Say whether a value is none that stands in one line: Spring fills `${...}` of its own settings in later."""
    return "\n" in value or "${" in value


def _placeholders(name: str, text: str) -> Iterator[tuple[str, str]]:
    if name.endswith((".toml", ".yml", ".yaml")):
        for key, value in _leaves(_documents(name, text)):
            if found := _PLACEHOLDER_KEY.fullmatch(key):
                yield found[1], value
    else:
        yield from _PLACEHOLDER.findall(text)


def _documents(name: str, text: str) -> list[Any]:
    """Read a TOML or YAML file; one that cannot be read says nothing here."""
    if name.endswith(".toml"):
        import tomllib  # rarely needed

        try:
            return [tomllib.loads(text)]
        except (tomllib.TOMLDecodeError, RecursionError):
            return []
    import yaml  # slow to import

    try:
        return list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []


def _leaves(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give what stands in nested tables, under its path with dots."""
    match part:
        case dict():
            for key, inner in part.items():
                yield from _leaves(inner, f"{path}.{key}" if path else str(key))
        case list() if not path:
            for document in part:
                yield from _leaves(document)
        case bool():
            yield path, str(part).lower()
        case str() | int() | float():
            yield path, str(part)
        case _:
            return


def _prisma_version(root: Path) -> tuple[int, int]:
    for folder in _upwards(root):
        said = re.search(r'"(?:@prisma/client|prisma)"\s*:\s*"[^\d"]*(\d+)\.(\d+)', _text(folder / "package.json"))
        if said:
            return int(said[1]), int(said[2])
    return 0, 0


def _reworked(root: Path, name: str, tag: str) -> bool:
    return _is_there(root / "deploy" / f"{name}{tag}.sql")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _text(path: Path) -> str:
    """Read a file, or nothing where that cannot be done."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""  # not a pipe
    except (OSError, ValueError):
        return ""
