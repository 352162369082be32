"""A check as SARIF 2.1.0: each break on the line of the migration, or of the plan, that brings it about."""

from __future__ import annotations

import hashlib

from migrate_safe.compat.checked import Checked, PlanFault, advice
from migrate_safe.model.effect import BreakKind
from migrate_safe.model.release import Verdict
from migrate_safe.report.check_words import because, where
from migrate_safe.report.sarif import Json, sarif_location, sarif_log

_HELP = {
    BreakKind.GONE: "A name that a running app version uses no longer resolves.",
    BreakKind.WRITE_REFUSED: "A write that a running app version may send is refused.",
    BreakKind.SHAPE: "A statement that a session prepared before fails: its result has another shape.",
    BreakKind.ARBITER: "ON CONFLICT no longer finds its unique index.",
    BreakKind.VALUE: "A parameter or result of a query has another type than a running app version expects.",
}
_FAULT, _FAULT_HELP = "plan-fault", "A step of the plan cannot be undone or done again, or the migration has changed."


def check_sarif(checked: Checked) -> str:
    """Write a check as a SARIF log of one run; what was not judged or not proven is among its notifications."""
    breaks, faults = checked.matrix.breaks, checked.faults
    kinds = [kind for kind in BreakKind if any(verdict.kind is kind for verdict in breaks)]
    rules = {_rule(kind): _HELP[kind] for kind in kinds} | ({_FAULT: _FAULT_HELP} if faults else {})
    index = {rule: number for number, rule in enumerate(rules)}
    left = [(u.version, u.place, f"not proven: {u.reason}") for u in checked.matrix.untried]
    left += [(u.version, u.query.place, f"not judged: {u.reason}") for who in checked.matrix.asked for u in who.unasked]
    return sarif_log(
        [{"id": rule, "help": {"text": text}, "shortDescription": {"text": text}} for rule, text in rules.items()],
        [
            *(_result(checked, verdict, index[_rule(verdict.kind)]) for verdict in breaks if verdict.kind),
            *(_fault_result(checked, fault, index[_FAULT]) for fault in faults),
        ],
        [
            {"level": "warning", "message": {"text": f"{version}: {reason}"}, "locations": [_at(*_placed(place))]}
            for version, place, reason in left
        ],
        whole=not left,
    )


def _result(checked: Checked, verdict: Verdict, rule: int) -> Json:
    app = _placed(verdict.place)
    return {
        "ruleId": _rule(verdict.kind),
        "ruleIndex": rule,
        "level": "error",
        "message": {
            "text": f"{verdict.version} breaks {where(checked, verdict)}: {because(verdict)}\n\n{verdict.query}\n\n"
            f"{verdict.place}\n\nWhat to do: {advice(checked, verdict)}"
        },
        "locations": [_at(*checked.places.get(verdict.state, app))],
        "relatedLocations": [_at(*app) | {"message": {"text": f"the query of {verdict.version}"}}],
        "partialFingerprints": {"migrateSafe/v1": _mark(verdict.version, verdict.query, verdict.reason)},
    }


def _fault_result(checked: Checked, fault: PlanFault, rule: int) -> Json:
    return {
        "ruleId": _FAULT,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": f"{fault.reason}\n\nWhat to do: {fault.next_move}"},
        "locations": [_at(*checked.places.get(fault.step or "", (checked.subject, 1)))],
        "partialFingerprints": {"migrateSafe/v1": _mark(checked.subject, fault.step or "", fault.reason)},
    }


def _rule(kind: BreakKind | None) -> str:
    return f"breaks-{(kind or BreakKind.GONE).replace(' ', '-')}"


def _mark(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _placed(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (place, 1)


def _at(file: str, line: int) -> Json:
    return sarif_location(file, {"startLine": line})
