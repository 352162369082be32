"""Status in words and as JSON, whose schema ships beside this file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from migrate_safe.model.journal import Control
from migrate_safe.model.status import PlanStatus, StatusReport, StepStatus

FORMAT = "migrate-safe/status/1"
_MARKS = {"done": "+", "running": ">", "undoing": "<", "interrupted": "!", "failed": "!", "next": "-", "waiting": " "}


def status_text(report: StatusReport) -> str:
    """Write a status report for people."""
    if not report.installed:
        return "nothing here yet: migrate-safe has never run on this database\n"
    lines = [f"environment: {report.environment}"] if report.environment else []
    if report.newer:
        lines.append(
            f"attention: a newer migrate-safe wrote this journal (version {report.journal}); not all may be shown"
        )
    if report.doubt is not None:
        lines.append(f"attention: {report.doubt}")
    if report.lease is not None:
        x = report.lease
        dead = f", dead; backend {', '.join(map(str, report.orphans))} still works for it" if report.orphans else ""
        lines.append(f"lease: {x.holder} (host {x.host}, pid {x.pid}) since {_when(x.acquired)}{dead}")
    if not report.plans:
        lines.append("no plans")
    for plan in report.plans:
        lines += ["", *_plan_lines(plan)]
    return "\n".join(lines).lstrip("\n") + "\n"


def status_json(report: StatusReport) -> str:
    """Write a status report for machines; stable, see FORMAT."""
    x = report.lease
    lease = (
        None
        if x is None
        else {
            "holder": x.holder,
            "host": x.host,
            "pid": x.pid,
            "token": x.token,
            "acquired": _iso(x.acquired),
            "heartbeat": _iso(x.heartbeat),
            "expires": _iso(x.expires),
            "orphans": list(report.orphans),
        }
    )
    value = {
        "format": FORMAT,
        "installed": report.installed,
        "now": _iso(report.now),
        "environment": report.environment,
        "doubt": report.doubt,
        "journal": {"version": report.journal, "newer": report.newer},
        "lease": lease,
        "plans": [_plan_value(p) for p in report.plans],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def status_schema_path() -> Path:
    """Find the JSON Schema of the format."""
    return Path(__file__).parent / "schemas" / "status-1.json"


def _plan_lines(plan: PlanStatus) -> list[str]:
    closed = "abandoned" if plan.abandoned else "closed"
    place = closed if plan.closed and plan.position else f"at {plan.phase}"
    lines = [f"{plan.name}: {place}, {plan.position} of {len(plan.steps)} steps done"]
    lines += [f"  {_MARKS[s.state]} {s.id}{_step_note(s)}" for s in plan.steps]
    if plan.failure is not None:
        lines.append(f"  failed {_when(plan.failed_at)}: {plan.failure}")
    lines += [f"  retired: {r.does} ({r.loses}), may go from {_when(r.due)}" for r in plan.retired]
    lines += [f"  overdue: {o}" for o in plan.overdue]
    lines += [f"  changed since, not by a plan: {d}" for d in plan.drift]
    lines += [f"  in the way: {b}" for b in plan.blockers]
    lines += _asked_lines(plan.asked)
    lines.append(f"  next: {plan.next_move}")
    return lines


def _asked_lines(asked: Control) -> list[str]:
    lines = [f"  paused by {asked.paused_by} since {_when(asked.paused_at)}"] if asked.paused_by else []
    lines += [f"  tuned: {', '.join(f'{k} {v}' for k, v in sorted(asked.tuned.items()))}"] if asked.tuned else []
    wanted = f"  submitted by {asked.wanted_by} at {_when(asked.wanted_at)}: through {asked.wanted}"
    return [*lines, wanted] if asked.wanted else lines


def _step_note(step: StepStatus) -> str:
    notes = [step.state] if step.state not in ("waiting", "next") else []
    if step.finished is not None and step.state == "done":
        notes = [f"done {_when(step.finished)}"]
    if step.rows_done is not None and step.state in ("running", "interrupted", "failed"):
        total = f" of about {step.rows_total}" if step.rows_total is not None else ""
        notes.append(f"{step.rows_done}{total} rows")
    if step.attempts > 1:
        notes.append(f"{step.attempts} attempts")
    return f"  ({', '.join(notes)})" if notes else ""


def _plan_value(plan: PlanStatus) -> dict[str, Any]:
    return {
        "name": plan.name,
        "summary": plan.summary,
        "phase": plan.phase,
        "position": plan.position,
        "closed": plan.closed,
        "abandoned": plan.abandoned,
        "steps": [_step_value(s) for s in plan.steps],
        "failure": None if plan.failure is None else {"reason": plan.failure, "at": _iso(plan.failed_at)},
        "retired": [{"step": r.step, "does": r.does, "loses": r.loses, "due": _iso(r.due)} for r in plan.retired],
        "overdue": list(plan.overdue),
        "drift": list(plan.drift),
        "blockers": list(plan.blockers),
        "asked": {
            "paused_by": plan.asked.paused_by or None,
            "paused_at": _iso(plan.asked.paused_at),
            "tuned": dict(plan.asked.tuned),
            "through": plan.asked.wanted or None,
            "submitted_by": plan.asked.wanted_by or None,
            "submitted_at": _iso(plan.asked.wanted_at),
        },
        "next": plan.next_move,
    }


def _step_value(step: StepStatus) -> dict[str, Any]:
    return {
        "id": step.id,
        "phase": step.phase.value,
        "does": step.does,
        "state": step.state,
        "attempts": step.attempts,
        "started": _iso(step.started),
        "finished": _iso(step.finished),
        "rows_done": step.rows_done,
        "rows_total": step.rows_total,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _when(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S %Z}"
