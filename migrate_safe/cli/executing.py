"""Options and words that the commands which change a database share."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from migrate_safe.adapters.config_values import SHORTEST_BUDGET
from migrate_safe.app.executing import Outcome
from migrate_safe.cli.options import config_option, configured, dsn_option
from migrate_safe.cli.outlet import say
from migrate_safe.executor.news import Attempted, Building, Journaled, Moved, News, Sent, Tell, Waiting
from migrate_safe.executor.settings import DEFAULTS, Settings
from migrate_safe.model.errors import UsageError
from migrate_safe.model.journal import EventKind

_LINE_EVERY = 2.0
_WAIT_EVERY = 30.0
_BAR = 24
_WORDS = {
    EventKind.STARTED: "begin",
    EventKind.UNDO_STARTED: "begin to take back",
    EventKind.DONE: "done",
    EventKind.UNDONE: "taken back",
    EventKind.FAILED: "FAILED",
    EventKind.CLOSED: "closed",
    EventKind.OPENED: "opened",
}


def target_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the options that say where and as whom: `dsn`, `role`, `environment`, `adopt`, `standby`; and --config."""
    for option in (
        config_option(expose=False),
        click.option(
            "--standby",
            multiple=True,
            callback=_given_or_configured_standbys,
            metavar="DSN",
            help="A hot standby, whose long readers are waited for before a table is locked; repeatable. Else the "
            'variables that "standby_envs" in the config names.',
        ),
        click.option("--adopt", is_flag=True, help="Take over the journal of the database that this one is a copy of."),
        click.option(
            "--environment",
            envvar="MIGRATE_SAFE_ENVIRONMENT",
            callback=_given_or_configured_environment,
            metavar="NAME",
            help="Name of this environment; recorded by the first apply, later ones must agree. Else the variable "
            'MIGRATE_SAFE_ENVIRONMENT, else "environment" in the config.',
        ),
        click.option("--role", metavar="ROLE", help="Take on this role (SET ROLE), the owner of the tables."),
        dsn_option(),
    ):
        function = option(function)
    return function


def pace_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the options that say how gentle and how patient to be."""
    for option in (
        click.option(
            "--batch-rows",
            type=click.IntRange(1),
            default=DEFAULTS.batch_rows,
            show_default=True,
            help="Rows of the first backfill batch; later ones adapt.",
        ),
        click.option(
            "--give-up-after",
            type=click.FloatRange(0),
            default=DEFAULTS.give_up_after,
            show_default=True,
            metavar="SECONDS",
            help="Give up for now (exit 75) after trying so long for a lock.",
        ),
        click.option(
            "--stall-budget",
            type=click.IntRange(SHORTEST_BUDGET),
            callback=_given_or_configured_budget,
            metavar="MS",
            help='Longest that one attempt may hold up a client, waits and work together; else "stall_budget" in the '
            f"config.  [default: {DEFAULTS.stall_budget_ms}]",
        ),
    ):
        function = option(function)
    return function


def load_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the options that say how much a backfill may load the server."""
    for option in (max_lag_option(DEFAULTS.max_lag_mb), workers_option(DEFAULTS.workers)):
        function = option(function)
    return function


def max_lag_option(default: int | None) -> Callable[..., Any]:
    """Give --max-lag."""
    return click.option(
        "--max-lag",
        type=click.IntRange(1),
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


def settings_from(
    stall_budget: int,
    give_up_after: float,
    batch_rows: int,
    max_lag: int = DEFAULTS.max_lag_mb,
    workers: int = DEFAULTS.workers,
) -> Settings:
    """Give the settings that the options say."""
    return Settings(
        stall_budget_ms=stall_budget,
        give_up_after=give_up_after,
        batch_rows=batch_rows,
        max_lag_mb=max_lag,
        workers=workers,
    )


def teller(form: str) -> Tell:
    """Give the listener for an output form: lines on stderr, a bar on a terminal, JSON lines on stdout."""
    if form == "json":
        return _tell_json
    return _Lines()


def outcome_value(verb: str, outcome: Outcome) -> dict[str, Any]:
    """Write the end of a run for machines."""
    return {
        "format": f"migrate-safe/{verb}/1",
        "event": "end",
        "plan": outcome.plan.name,
        "from": outcome.before.position,
        "to": outcome.after.position,
        "steps": len(outcome.plan.steps),
        "phase": outcome.stage,
        "closed": outcome.after.closed,
    }


def say_end(verb: str, outcome: Outcome, form: str) -> None:
    """Say where a run has ended."""
    if form == "json":
        say(json.dumps(outcome_value(verb, outcome)))
        return
    moved = outcome.after.position - outcome.before.position
    idle = "nothing to do" if outcome.before.closed or not outcome.after.abandoned else "closed"
    what = idle if moved == 0 else f"{abs(moved)} step{'s' * (abs(moved) != 1)} {_past(moved)}"
    place = f"{outcome.after.position} of {len(outcome.plan.steps)} steps done"
    where = "abandoned" if outcome.after.abandoned else f"at {outcome.stage}"
    say(f"{outcome.plan.name}: {what}; {where}, {place}")


def _past(moved: int) -> str:
    return "done" if moved > 0 else "taken back"


class _Lines:
    """Writes news as lines, a walk's progress on one line that is drawn again on a terminal."""

    def __init__(self) -> None:
        self._drawn = False
        self._last = 0.0
        self._waited = ("", 0.0)

    def __call__(self, news: News) -> None:
        match news:
            case Journaled(entry):
                if entry.step is not None:
                    reason = f": {entry.detail['reason']}" if "reason" in entry.detail else ""
                    self._line(f"{_WORDS[entry.kind]:<18} {entry.step}{reason}")
            case Moved():
                self._progress(_progress_text(news))
            case Waiting(reason, blockers):
                self._wait(f"{reason}{': ' * bool(blockers)}{'; '.join(blockers)}")
            case Sent(sql, note):
                click.echo(f"-- {note}\n{sql}\n" if note else f"{sql}\n")
            case Building(index, phase, percent, waits_for):
                share = "" if percent is None else f" {percent}%"
                waits = f", waiting for {', '.join(waits_for)}" if waits_for else ""
                self._progress(f"  {index}: {phase}{share}{waits}")
            case Attempted():
                pass

    def _wait(self, text: str) -> None:
        """Say what is waited for, and again only now and then while it is the same."""
        said, at = self._waited
        if text != said or time.monotonic() - at > _WAIT_EVERY:
            self._waited = (text, time.monotonic())
            self._line(text)

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty():
            say(f"\r\x1b[K{text}", newline=False, err=True)
            self._drawn = True
        elif time.monotonic() - self._last > _LINE_EVERY:
            self._last = time.monotonic()
            self._line(text)

    def _line(self, text: str) -> None:
        say(f"{chr(10) * self._drawn}{text}", err=True)
        self._drawn = False


def _progress_text(news: Moved) -> str:
    now = news.progress
    total = f" of about {now.rows_total}" if now.rows_total else ""
    eta = f", {news.eta:.0f} s left" if news.eta is not None else ""
    rows = f"{now.rows_done}{total} rows, {now.filled} changed"
    return f"  {_bar(now.rows_done, now.rows_total)}{rows}, {news.per_second:.0f} rows/s{eta}"


def _bar(done: int, total: int | None) -> str:
    """Draw how much is done; nothing where the end is not known."""
    if not total:
        return ""
    full = min(_BAR, done * _BAR // total)
    return f"[{'#' * full}{'.' * (_BAR - full)}] "


def _tell_json(news: News) -> None:
    match news:
        case Journaled(entry):
            value = {"event": entry.kind.value, "step": entry.step, **entry.detail}
        case Moved(progress, _, rate, eta):
            value = {
                "event": "progress",
                "step": progress.step,
                "rows_done": progress.rows_done,
                "rows_total": progress.rows_total,
                "rows_per_second": round(rate, 1),
                "eta_seconds": None if eta is None else round(eta, 1),
            }
        case Waiting(reason, blockers):
            value = {"event": "waiting", "reason": reason, "blockers": list(blockers)}
        case Building(index, phase, percent, waits_for):
            value = {
                "event": "building",
                "index": index,
                "phase": phase,
                "percent": percent,
                "waits_for": list(waits_for),
            }
        case Sent(sql, note):
            click.echo(
                json.dumps({"event": "sql", "sql": sql, "note": note})
            )  # what a dry run is for: must not be lost
            return
        case Attempted():
            return
    say(json.dumps(value, default=str))
