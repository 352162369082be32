"""Options that several commands share, so that they mean and read the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from migrate_safe.adapters.config import Config, load_config
from migrate_safe.executor.window import waiting_time
from migrate_safe.model.postgres import MAJORS

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]


def schema_option() -> Decorator[Any]:
    """Give `--schema`, repeatable: the parameter is `schema: tuple[str, ...]`."""
    return click.option(
        "--schema",
        multiple=True,
        metavar="FILE|DIR|DSN",
        help="The database before the migration: SQL or pg_dump file, folder of migrations, or connection string. "
        "Repeatable. Without it: the earlier files of the same folder.",
    )


def dsn_option() -> Decorator[Any]:
    """Give `--dsn`: the parameter is `dsn: str | None`, None when only PG* variables or the config can tell."""
    return click.option(
        "--dsn",
        metavar="DSN",
        callback=_given_or_configured,
        help='Connection string of the database; else the variable that "dsn_env" in the config names '
        "(default DATABASE_URL), else PG* variables or a service file.",
    )


def _given_or_configured(ctx: click.Context, __: click.Parameter, given: str | None) -> str | None:
    return given or os.environ.get(configured(ctx).dsn_env)


def config_option(*, expose: bool = True) -> Decorator[Any]:
    """Give `--config`: the parameter is `config: Path | None`; None means to look for one.

    Where it is not exposed, other options find what it says by `configured`.
    """
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        expose_value=expose,
        callback=_remembered,
        help="Settings file; default: migrate-safe.toml or [tool.migrate_safe] in pyproject.toml, here or above.",
    )


def configured(ctx: click.Context) -> Config:
    """Give the settings of the file that --config names, or of the one that is found."""
    return load_config(ctx.meta.get(__name__))


def _remembered(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    ctx.meta[__name__] = path
    return path


def format_option(*formats: str) -> Decorator[Any]:
    """Give `--format` with the first format as its default, and `--json` as a short form; `format` is a str."""

    def decorate(function: F) -> F:
        function = click.option(
            "--format", "format", type=click.Choice(formats), default=formats[0], show_default=True, help="Output form."
        )(function)
        if "json" not in formats:
            return function
        return click.option("--json", "format", flag_value="json", help="Short for --format json.")(function)

    return decorate


def overdue_option() -> Decorator[Any]:
    """Give `--overdue-after`: the parameter is `overdue_after: float`, in seconds."""
    return click.option(
        "--overdue-after",
        metavar="TIME",
        default="14d",
        show_default=True,
        callback=_seconds,
        help="Complain about a plan that has waited so long for its next phase or its purge: 12h, 14d.",
    )


def _seconds(_: click.Context, __: click.Parameter, given: str) -> float:
    try:
        return waiting_time(given).total_seconds()
    except ValueError:
        raise click.BadParameter(f'"{given}" is no time such as 30m, 12h or 14d') from None


def in_colour(stream: TextIO) -> bool:
    """Say whether output is coloured: on a terminal, unless NO_COLOR is set or the terminal is a dumb one."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def postgres_option() -> Decorator[Any]:
    """Give `--postgres`: the major version of the server, `postgres: int | None`."""
    return click.option(
        "--postgres",
        type=click.IntRange(MAJORS[0], MAJORS[-1]),
        metavar="VERSION",
        help="Major version of the server that the migration is for (14 to 18).",
    )
