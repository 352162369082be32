"""A check in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from migrate_safe.compat.checked import Checked, PlanFault, advice
from migrate_safe.compat.matrix import Asked
from migrate_safe.compat.states import State
from migrate_safe.model.release import Verdict

FORMAT = "migrate-safe/check/1"

LONGEST_LABEL = 72
"""Characters of a state's name in the table; the rest is cut off."""

LONGEST_QUERY = 200


def as_json(checked: Checked) -> str:
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


def as_text(checked: Checked) -> str:
    """Write a check for people: the table, each break with what to do, and what was left out."""
    blocks = [_head(checked), "\n".join(_table(checked)), _legend(checked)]
    blocks += [_break(checked, verdict) for verdict in checked.matrix.breaks]
    blocks += [_fault(checked, fault) for fault in checked.faults]
    blocks += ["\n".join(block) for block in (_not_executed(checked), _not_judged(checked), _notes(checked)) if block]
    return "\n\n".join((*blocks, _how(checked), _sum(checked))) + "\n"


def _head(checked: Checked) -> str:
    base = ", ".join(checked.base) or "nothing (an empty database)"
    return f"{checked.subject}, judged by {checked.server}\nschema before it: {base}"


def _table(checked: Checked) -> Iterator[str]:
    states, asked = checked.matrix.timeline.states, checked.matrix.asked
    labels = [_label(state) for state in states]
    width = max(map(len, labels)) + 2
    columns = [max(len(who.version), 12) for who in asked]
    cells = [who.version.ljust(w) for who, w in zip(asked, columns, strict=True)]
    yield (" " * width + "  ".join(cells)).rstrip()
    phase = None
    for state, label in zip(states, labels, strict=True):
        if state.phase is not phase and state.phase is not None:
            yield str(state.phase)
        phase = state.phase
        cells = [_cell(checked, state, who).ljust(w) for who, w in zip(asked, columns, strict=True)]
        yield (label.ljust(width) + "  ".join(cells)).rstrip()


def _label(state: State) -> str:
    text = f"  {state.id}" if state.phase is not None else f"{state.id}  {state.does}".rstrip()
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 3] + "..."


def _cell(checked: Checked, state: State, who: Asked) -> str:
    verdicts = checked.matrix.at(state, who.version)
    failing = sum(1 for verdict in verdicts if not verdict.works)
    if not verdicts:
        return "-"
    if not failing:
        return "works"
    return f"BREAKS {failing}" if verdicts[0].alive else f"(breaks {failing})"


def _legend(checked: Checked) -> str:
    states = checked.matrix.timeline.states
    lives = [f"{who.version} must work {_span(states[who.first], states[who.last])}" for who in checked.matrix.asked]
    return "; ".join(lives) + ".\nA number counts queries that fail; in (parentheses) the version is not running then."


def _span(first: State, last: State) -> str:
    if first is last:
        return f"at {first.id}"
    return f"from {first.id} to {last.id}"


def _break(checked: Checked, verdict: Verdict) -> str:
    state = next(s for s in checked.matrix.timeline.states if s.id == verdict.state)
    object_ = f" [{verdict.object}]" if verdict.object else ""
    where = f"after {verdict.after_step}: {state.does}" if verdict.after_step else verdict.state
    return "\n".join(
        (
            f"BREAKS  {verdict.version}  {verdict.place}",
            f"  query       {_short(verdict.query)}",
            f"  at          {where}",
            f"  because     {verdict.reason}{object_}",
            f"  what to do  {advice(checked, verdict)}",
        )
    )


def _fault(checked: Checked, fault: PlanFault) -> str:
    return "\n".join(
        (
            f"FAULT  {checked.subject}" + (f"  {fault.step}" if fault.step else ""),
            f"  because     {fault.reason}",
            f"  what to do  {fault.next_move}",
        )
    )


def _not_executed(checked: Checked) -> list[str]:
    untried = checked.matrix.untried
    if not untried:
        return []
    lines = [f"  {u.version}  {u.place}: {u.reason}\n      {_short(u.query)}" for u in untried]
    return [f"not proven ({len(untried)}):", *lines]


def _not_judged(checked: Checked) -> list[str]:
    unasked = [u for who in checked.matrix.asked for u in who.unasked]
    if not unasked:
        return []
    lines = [f"  {u.version}  {u.query.place}: {u.reason}\n      {_short(u.query.sql)}" for u in unasked]
    return [f"not judged ({len(unasked)}):", *lines]


def _notes(checked: Checked) -> list[str]:
    return ["notes:", *(f"  {note}" for note in checked.notes)] if checked.notes else []


def _how(checked: Checked) -> str:
    undone = (
        "\nBefore that each step was done, undone and done again, and the catalog compared." if checked.planned else ""
    )
    return (
        f"How: at each of {len(checked.matrix.timeline.states)} states every query was prepared by a new session of "
        f"{checked.server} and executed\nwith sample values in a transaction that was rolled back; a session that "
        f"had prepared it before tried it again.{undone}"
    )


def _sum(checked: Checked) -> str:
    breaks = checked.matrix.breaks
    asked = sum(len(who.questions) for who in checked.matrix.asked)
    faults = f"; {_count(len(checked.faults), 'fault', 'faults')} of the plan" if checked.faults else ""
    queries = f"{_count(asked, 'query', 'queries')} of {_versions(checked)}"
    if not breaks:
        return f"0 breaks: {queries} work wherever they must{faults}"
    return f"{_count(len(breaks), 'break', 'breaks')} in {queries}{faults}"


def _versions(checked: Checked) -> str:
    return " and ".join(who.version for who in checked.matrix.asked)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _short(query: str) -> str:
    text = " ".join(query.split())
    return text if len(text) <= LONGEST_QUERY else text[: LONGEST_QUERY - 3] + "..."
