"""Words that the commands which change a database share."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click
import msgspec

from migrate_safe.app.executing import Outcome
from migrate_safe.cli.outlet import say
from migrate_safe.executor.news import Attempted, Building, Journaled, Moved, News, Noted, Sent, Tell, Waiting
from migrate_safe.model.journal import Control, EventKind

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


def say_asked(plan: str, asked: Control, form: str, said: str) -> None:
    """Say what is asked for a plan now."""
    if form == "json":
        say(json.dumps({"format": "migrate-safe/control/1", "plan": plan, **msgspec.to_builtins(asked)}))
        return
    say(f"{plan}: {said}")


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
            case Noted(text):
                self._line(f"note: {text}")
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
        case Noted(text):
            value = {"event": "note", "note": text}
        case Attempted():
            return
    say(json.dumps(value, default=str))
