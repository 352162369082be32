"""What the reports of a check have in common: names of states, cells of the table, sums."""

from __future__ import annotations

from migrate_safe.compat.checked import Checked
from migrate_safe.compat.matrix import Asked
from migrate_safe.compat.states import State
from migrate_safe.model.release import Verdict
from migrate_safe.report.excerpt import printable

LONGEST_LABEL = 72
"""Characters of a state's name in the table; the rest is cut off."""

LONGEST_QUERY = 200


def state_label(state: State) -> str:
    """Name a state in a row of the table."""
    text = f"  {state.id}" if state.phase is not None else f"{state.id}  {state.does}".rstrip()
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 3] + "..."


def cell(checked: Checked, state: State, who: Asked) -> str:
    """Say how a version fares at a state."""
    verdicts = checked.matrix.at(state, who.version)
    failing = sum(1 for verdict in verdicts if not verdict.works)
    if not verdicts:
        return "-"
    if not failing:
        return "works"
    return f"BREAKS {failing}" if verdicts[0].alive else f"(breaks {failing})"


def legend(checked: Checked) -> str:
    """Say which version must work where, and how to read the cells."""
    states = checked.matrix.timeline.states
    lives = [f"{who.version} must work {_span(states[who.first], states[who.last])}" for who in checked.matrix.asked]
    return "; ".join(lives) + ".\nA number counts queries that fail; in (parentheses) the version is not running then."


def _span(first: State, last: State) -> str:
    if first is last:
        return f"at {first.id}"
    return f"from {first.id} to {last.id}"


def summary(checked: Checked) -> str:
    """Say in a line how many queries break."""
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


def state_of(checked: Checked, verdict: Verdict) -> State:
    """Give the state that a verdict is about."""
    return next(state for state in checked.matrix.timeline.states if state.id == verdict.state)


def where(checked: Checked, verdict: Verdict) -> str:
    """Say at which state a query breaks, and what led there."""
    state = state_of(checked, verdict)
    return f"after {verdict.after_step}: {state.does}" if verdict.after_step else state.id


def because(verdict: Verdict) -> str:
    """Say why a query breaks, and over which object."""
    return verdict.reason + (f" [{verdict.object}]" if verdict.object else "")


def short(query: str) -> str:
    """Give a query in one line that is safe to print."""
    text = printable(" ".join(query.split()))
    return text if len(text) <= LONGEST_QUERY else text[: LONGEST_QUERY - 3] + "..."
