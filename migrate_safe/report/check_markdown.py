"""A check as Markdown for a comment on a pull request, cut to what a comment may hold."""

from __future__ import annotations

from collections.abc import Iterator

from migrate_safe.compat.checked import Checked, PlanFault, advice
from migrate_safe.model.release import Verdict
from migrate_safe.report.check_words import because, cell, legend, summary, where
from migrate_safe.report.excerpt import clip, printable_lines
from migrate_safe.report.markdown import LIMIT, code, escaped, fenced, within

_QUERY_LINES = 12
_ROWS = 60
"""States in the table; only those at which something fails are shown where there are more."""


def check_markdown(checked: Checked, *, limit: int = LIMIT) -> str:
    """Write a check of at most `limit` characters: the table, then each break with what to do."""
    head = f"### migrate-safe: {escaped(summary(checked))}\n"
    blocks = ["\n".join(_table(checked)) + f"\n\n{escaped(legend(checked))}\n"]
    blocks += [_break(checked, verdict) for verdict in checked.matrix.breaks]
    blocks += [_fault(checked, fault) for fault in checked.faults]
    blocks += [_left("not proven", u.version, u.place, u.reason) for u in checked.matrix.untried]
    unasked = [u for who in checked.matrix.asked for u in who.unasked]
    blocks += [_left("not judged", u.version, u.query.place, u.reason) for u in unasked]
    blocks += [f"note: {escaped(note)}\n" for note in checked.notes]
    blocks.append(f"{code(checked.subject)}, judged by {escaped(checked.server)}\n")
    return within(head, blocks, limit, "migrate-safe check")


def _table(checked: Checked) -> Iterator[str]:
    states, asked = checked.matrix.timeline.states, checked.matrix.asked
    yield "| phase | state | " + " | ".join(escaped(who.version) for who in asked) + " |"
    yield "|---|---|" + "---|" * len(asked)
    rows = [(state, [cell(checked, state, who) for who in asked]) for state in states]
    if len(rows) > _ROWS:
        rows = [(state, cells) for state, cells in rows if any("reaks" in c.lower() for c in cells)][:_ROWS]
    for state, cells in rows:
        marked = [f"**{text}**" if text.startswith("BREAKS") else text for text in cells]
        yield f"| {state.phase or ''} | {code(state.id)} | " + " | ".join(marked) + " |"


def _break(checked: Checked, verdict: Verdict) -> str:
    lines = printable_lines(verdict.query)
    shown = [clip(line, 200) for line in lines[:_QUERY_LINES]] + (["-- ..."] if len(lines) > _QUERY_LINES else [])
    return (
        f"**breaks** {code(verdict.version)} {code(verdict.place)}\n\n{fenced(chr(10).join(shown))}\n"
        f"- at: {escaped(where(checked, verdict))}\n- because: {escaped(because(verdict))}\n"
        f"- what to do: {escaped(advice(checked, verdict))}\n"
    )


def _fault(checked: Checked, fault: PlanFault) -> str:
    where_ = code(f"{checked.subject} {fault.step or ''}".strip())
    return f"**fault** {where_}\n\n- because: {escaped(fault.reason)}\n- what to do: {escaped(fault.next_move)}\n"


def _left(what: str, version: str, place: str, reason: str) -> str:
    return f"**{what}** {code(version)} {code(place)}: {escaped(reason)}\n"
