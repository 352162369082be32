"""A check in words: the table, each break with what to do, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.compat.checked import Checked, PlanFault, advice
from migrate_safe.model.release import Verdict
from migrate_safe.report.check_words import because, cell, legend, short, state_label, summary, where


def check_text(checked: Checked) -> str:
    """Write a check for people: the table, each break with what to do, and what was left out."""
    blocks = [_head(checked), "\n".join(_table(checked)), legend(checked)]
    blocks += [_break(checked, verdict) for verdict in checked.matrix.breaks]
    blocks += [_fault(checked, fault) for fault in checked.faults]
    blocks += ["\n".join(block) for block in (_not_executed(checked), _not_judged(checked), _notes(checked)) if block]
    return "\n\n".join((*blocks, _how(checked), summary(checked))) + "\n"


def _head(checked: Checked) -> str:
    base = ", ".join(checked.base) or "nothing (an empty database)"
    return f"{checked.subject}, judged by {checked.server}\nschema before it: {base}"


def _table(checked: Checked) -> Iterator[str]:
    states, asked = checked.matrix.timeline.states, checked.matrix.asked
    labels = [state_label(state) for state in states]
    width = max(map(len, labels)) + 2
    columns = [max(len(who.version), 12) for who in asked]
    cells = [who.version.ljust(w) for who, w in zip(asked, columns, strict=True)]
    yield (" " * width + "  ".join(cells)).rstrip()
    phase = None
    for state, label in zip(states, labels, strict=True):
        if state.phase is not phase and state.phase is not None:
            yield str(state.phase)
        phase = state.phase
        cells = [cell(checked, state, who).ljust(w) for who, w in zip(asked, columns, strict=True)]
        yield (label.ljust(width) + "  ".join(cells)).rstrip()


def _break(checked: Checked, verdict: Verdict) -> str:
    return "\n".join(
        (
            f"BREAKS  {verdict.version}  {verdict.place}",
            f"  query       {short(verdict.query)}",
            f"  at          {where(checked, verdict)}",
            f"  because     {because(verdict)}",
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
    lines = [f"  {u.version}  {u.place}: {u.reason}\n      {short(u.query)}" for u in untried]
    return [f"not proven ({len(untried)}):", *lines]


def _not_judged(checked: Checked) -> list[str]:
    unasked = [u for who in checked.matrix.asked for u in who.unasked]
    if not unasked:
        return []
    lines = [f"  {u.version}  {u.query.place}: {u.reason}\n      {short(u.query.sql)}" for u in unasked]
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
