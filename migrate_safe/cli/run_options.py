"""Options of the commands that work on a database, gathered into the values that the commands take."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from migrate_safe.adapters.config_values import LONGEST_BUDGET, SHORTEST_BUDGET
from migrate_safe.app.executing import Target
from migrate_safe.cli.options import Decorator, config_option, configured, dsn_option
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.model.errors import UsageError


def target_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the options that say where and as whom; the parameter is `target: Target`. Also --config."""
    return _gathered(
        config_option(expose=False)(function),
        "target",
        _target,
        dsn=dsn_option(),
        role=click.option("--role", metavar="ROLE", help="Take on this role (SET ROLE), the owner of the tables."),
        environment=click.option(
            "--environment",
            envvar="MIGRATE_SAFE_ENVIRONMENT",
            callback=_given_or_configured_environment,
            metavar="NAME",
            help="Name of this environment; recorded by the first apply, later ones must agree. Else the variable "
            'MIGRATE_SAFE_ENVIRONMENT, else "environment" in the config.',
        ),
        adopt=click.option(
            "--adopt", is_flag=True, help="Take over the journal of the database that this one is a copy of."
        ),
        standbys=click.option(
            "--standby",
            "standbys",
            multiple=True,
            callback=_given_or_configured_standbys,
            metavar="DSN",
            help="A hot standby, whose long readers are waited for before a table is locked; repeatable. Else the "
            'variables that "standby_envs" in the config names.',
        ),
    )


def journal_options(who: str = "the owner of the journal") -> Decorator[Any]:
    """Give the options of a command that reads or marks the journal; the parameter is `target: Target`.

    Also --config.
    """
    return lambda function: _gathered(
        config_option(expose=False)(function),
        "target",
        _target,
        dsn=dsn_option(),
        role=click.option("--role", metavar="ROLE", help=f"Take on this role (SET ROLE), {who}."),
    )


def pace_options(*, load: bool = False) -> Decorator[Any]:
    """Give the options that say how gentle and how patient to be; the parameter is `settings: Settings`.

    With `load` also those that say how much a backfill may load the server.
    """
    options: dict[str, Decorator[Any]] = {
        "stall_budget_ms": click.option(
            "--stall-budget",
            "stall_budget_ms",
            type=click.IntRange(SHORTEST_BUDGET, LONGEST_BUDGET),
            callback=_given_or_configured_budget,
            metavar="MS",
            help='Longest that one attempt may hold up a client, waits and work together; else "stall_budget" in the '
            f"config.  [default: {DEFAULTS.stall_budget_ms}]",
        ),
        "give_up_after": click.option(
            "--give-up-after",
            type=Seconds(),
            default=DEFAULTS.give_up_after,
            show_default=True,
            metavar="SECONDS",
            help="Give up for now (exit 75) after trying so long for a lock.",
        ),
        "batch_rows": click.option(
            "--batch-rows",
            type=click.IntRange(1),
            default=DEFAULTS.batch_rows,
            show_default=True,
            help="Rows of the first backfill batch; later ones adapt.",
        ),
    }
    if load:
        options |= {"workers": workers_option(DEFAULTS.workers), "max_lag_mb": max_lag_option(DEFAULTS.max_lag_mb)}
    return lambda function: _gathered(function, "settings", Settings, **options)


class Seconds(click.FloatRange):
    """A number of seconds: of those that Python reads, neither `nan` nor `inf`."""

    def __init__(self) -> None:
        super().__init__(0, 1e9)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it; NaN is in no range, which no comparison tells."""
        number = super().convert(value, param, ctx)
        return self.fail(f"{value} is no time", param, ctx) if number != number else number


def _target(dsn: str | None, **told: Any) -> Target:
    return Target(dsn or "", **told)


def _gathered(
    function: Callable[..., Any], parameter: str, make: Callable[..., Any], **options: Decorator[Any]
) -> Callable[..., Any]:
    """Give a command options, by the names that click gives them, whose values together make one parameter."""

    @wraps(function)
    def gathering(*args: Any, **given: Any) -> Any:
        made = make(**{name: given.pop(name) for name in options})
        return function(*args, **given, **{parameter: made})

    command: Callable[..., Any] = gathering
    for option in reversed(options.values()):
        command = option(command)
    return command


def max_lag_option(default: int | None) -> Callable[..., Any]:
    """Give --max-lag."""
    return click.option(
        "--max-lag",
        "max_lag_mb",
        type=click.IntRange(1, 10_000_000),
        default=default,
        show_default=default is not None,
        metavar="MB",
        help="A backfill waits while a replica, a replication slot or the archive is more WAL than this behind.",
    )


def workers_option(default: int | None) -> Callable[..., Any]:
    """Give --workers."""
    return click.option(
        "--workers",
        type=click.IntRange(1, 32),
        default=default,
        show_default=default is not None,
        metavar="N",
        help="Sessions that fill batches at once.",
    )


def _given_or_configured_environment(ctx: click.Context, _: click.Parameter, given: str | None) -> str | None:
    return given or configured(ctx).environment


def _given_or_configured_standbys(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    if given:
        return given
    names = configured(ctx).standby_envs
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise UsageError(
            f'the variable "{missing[0]}" is not set, in which the config expects the DSN of a standby',
            next_move=f"set {missing[0]}, or take it out of standby_envs",
        )
    return tuple(os.environ[name] for name in names)


def _given_or_configured_budget(ctx: click.Context, _: click.Parameter, given: int | None) -> int:
    return given or configured(ctx).stall_budget or DEFAULTS.stall_budget_ms
