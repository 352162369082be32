"""What `trace` and `capture` have in common: a command behind `--`, and the state that it runs on."""

from __future__ import annotations

from typing import Any

import click

from migrate_safe.cli.options import Decorator
from migrate_safe.model.errors import UsageError


class WithCommand(click.Command):
    """A command that keeps what stands behind `--` as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut off what stands behind `--` before options are looked for."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[__name__] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


def command_of(ctx: click.Context) -> tuple[str, ...] | None:
    """Give what stands behind `--`, None where there is none."""
    words: tuple[str, ...] | None = ctx.meta.get(__name__)
    return words


def before_option() -> Decorator[Any]:
    """Give `--before`: the parameter is `before: tuple[str, ...]`."""
    return click.option(
        "--before",
        multiple=True,
        metavar="COMMAND",
        help="Command that builds the state before on the scratch server, not watched; repeatable.",
    )


def env_option() -> Decorator[Any]:
    """Give `--env`: the parameter is `variables: tuple[str, ...]`; see `named_template`."""
    return click.option(
        "--env",
        "variables",
        multiple=True,
        metavar="NAME=TEMPLATE",
        help="Further variable for commands; {dsn}, {host}, {port}, {user}, {password} and {dbname} are filled in.",
    )


def named_template(text: str) -> tuple[str, str]:
    """Take NAME=TEMPLATE apart."""
    name, equals, template = text.partition("=")
    if not equals or not name:
        raise UsageError(f'--env "{text}" is no NAME=TEMPLATE', next_move="write --env SHOP_DSN={dsn}")
    return name, template
