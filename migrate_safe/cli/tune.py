"""`migrate-safe tune`: change how gentle a running plan is."""

from __future__ import annotations

import click

from migrate_safe.adapters.config_values import LONGEST_BUDGET, SHORTEST_BUDGET
from migrate_safe.app.control import tune
from migrate_safe.app.executing import Target
from migrate_safe.cli.executing import say_asked
from migrate_safe.cli.options import format_option
from migrate_safe.cli.run_options import journal_options, max_lag_option, workers_option
from migrate_safe.model.errors import UsageError

EXAMPLES = """\b
Examples:
  migrate-safe tune 0042 --max-lag 200              let replicas fall 200 MB behind
  migrate-safe tune 0042 --workers 3 --max-rows 500
  migrate-safe tune 0042 --reset                    back to what apply was started with
"""


@click.command(epilog=EXAMPLES)
@click.argument("plan", metavar="PLAN")
@click.option(
    "--stall-budget",
    type=click.IntRange(SHORTEST_BUDGET, LONGEST_BUDGET),
    metavar="MS",
    help="Longest stall of a client.",
)
@click.option("--max-rows", type=click.IntRange(1), metavar="N", help="Most rows of one batch.")
@max_lag_option(None)
@workers_option(None)
@click.option("--reset", is_flag=True, help="Take back what was tuned before.")
@journal_options()
@format_option("text", "json")
def command(
    plan: str,
    stall_budget: int | None,
    max_rows: int | None,
    max_lag_mb: int | None,
    workers: int | None,
    reset: bool,
    target: Target,
    format: str,  # noqa: A002 - the name of the option
) -> None:
    """Change settings of whoever works on a plan, within a second, without stopping it.

    They stay with the plan until --reset.
    """
    given = {"stall_budget_ms": stall_budget, "batch_max": max_rows, "max_lag_mb": max_lag_mb, "workers": workers}
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted and not reset:
        raise UsageError("nothing to tune", next_move="say --stall-budget, --max-rows, --max-lag, --workers or --reset")
    asked = tune(plan, target, wanted, reset=reset)
    now = ", ".join(f"{name} {value}" for name, value in sorted(asked.tuned.items()))
    say_asked(plan, asked, format, now or "as apply was started")
