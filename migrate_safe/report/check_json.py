"""A check as JSON."""

from __future__ import annotations

import json

from migrate_safe.compat.checked import Checked
from migrate_safe.compat.matrix import Asked
from migrate_safe.compat.states import State
from migrate_safe.model.release import Verdict

FORMAT = "migrate-safe/check/1"


def check_json(checked: Checked) -> str:
    """Write a check for machines; `breaks` counts queries that fail while their version may be running."""
    matrix = checked.matrix
    value = {
        "format": FORMAT,
        "subject": checked.subject,
        "server": checked.server,
        "provider": checked.provider,
        "schema": list(checked.base),
        "versions": [_version_json(who, matrix.timeline.states) for who in matrix.asked],
        "verdicts": [_verdict_json(verdict) for verdict in matrix.verdicts],
        "breaks": len(matrix.breaks),
        "plan_faults": [{"step": f.step, "reason": f.reason, "next": f.next_move} for f in checked.faults],
        "not_executed": [
            {"version": u.version, "query": u.query, "source": u.place, "reason": u.reason} for u in matrix.untried
        ],
        "not_judged": [
            {"version": u.version, "query": u.query.sql, "source": u.query.place, "reason": u.reason}
            for who in matrix.asked
            for u in who.unasked
        ],
        "notes": list(checked.notes),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _version_json(who: Asked, states: tuple[State, ...]) -> dict[str, object]:
    return {
        "version": who.version,
        "role": "new" if who.new else "old",
        "queries": len(who.questions) + len(who.unasked),
        "must_work_from": states[who.first].id,
        "must_work_through": states[who.last].id,
    }


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    return {
        "state": verdict.state,
        "phase": verdict.phase,
        "after_step": verdict.after_step,
        "version": verdict.version,
        "query": verdict.query,
        "source": verdict.place,
        "works": verdict.works,
        "reason": verdict.reason,
        "object": verdict.object,
        "kind": verdict.kind,
        "alive": verdict.alive,
    }
