"""The search_path as statements set it."""

from __future__ import annotations

from migrate_safe.model.statement import Action, Other, SetVariable

DEFAULT_SEARCH_PATH = ("public",)


def setting_of(action: Action) -> SetVariable | None:
    """Give the change of settings that a statement is; DISCARD ALL resets all."""
    match action:
        case SetVariable():
            return action
        case Other(kind="DiscardStmt", detail="all"):
            return SetVariable("all", None)
        case _:
            return None


def search_path_after(
    before: tuple[str, ...], setting: SetVariable, default: tuple[str, ...] = DEFAULT_SEARCH_PATH
) -> tuple[str, ...]:
    """Give the search_path after SET, RESET or set_config; other settings leave it alone.

    `default` is that of the role or the database, with which the session began.
    """
    if setting.variable.lower() not in {"search_path", "schema", "all"}:
        return before
    if setting.value is None or setting.value.strip().lower() == "default":
        return default
    return parse_search_path(setting.value)


def parse_search_path(value: str) -> tuple[str, ...]:
    """Read a list of schemas; "$user" and pg_catalog name no place where tables are made."""
    parts = (part.strip() for part in value.split(","))
    names = (p[1:-1].replace('""', '"') if p.startswith('"') else p.strip("'").lower() for p in parts)
    return tuple(n for n in names if n and n not in {"$user", "pg_catalog", "pg_temp"})
