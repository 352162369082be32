"""Findings for people: where, what waits on what, and what to write instead."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from migrate_safe.model.finding import Finding, LintReport, Severity, Unanalysed
from migrate_safe.report.counts import count_severities
from migrate_safe.report.excerpt import clip, excerpt, is_cut, printable

WIDTH = 100

_RESET = "\x1b[0m"
_GUTTER = "\x1b[34m"
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.NOTICE: "\x1b[1;36m"}


def lint_text(report: LintReport, *, colour: bool = False, width: int = WIDTH) -> str:
    """Write a whole report, `width` columns wide but for what is to be pasted; it ends with a line of figures."""
    blocks = [_finding(finding, colour, width, brief=brief) for finding, brief in _with_repeats(report.findings)]
    if report.unanalysed:
        blocks.append("\n".join(["not analysed:", *(f"  {_unanalysed(u)}" for u in report.unanalysed)]))
    return "\n\n".join([*blocks, summary_line(report)]) + "\n"


def summary_line(report: LintReport) -> str:
    """Write the figures of a report in one line."""
    counts = [_count(n, s) for s, n in count_severities(report.findings).items() if n]
    found = ", ".join(counts) or "no findings"
    read = f"{_count(report.statements, 'statement')} in {_count(report.files, 'file')}{_runners(report)}"
    rest = [f"{len(report.unanalysed)} not analysed"] if report.unanalysed else []
    rest += [f"{report.suppressed} suppressed"] if report.suppressed else []
    rest += [f"{report.baselined} in the baseline"] if report.baselined else []
    more = "; more on a rule: migrate-safe explain RULE" if report.findings else ""
    return f"{found} ({', '.join([read, *rest])}){more}"


# ---- parts -----------------------------------------------------------------------------------


def _with_repeats(findings: Sequence[Finding]) -> Iterator[tuple[Finding, bool]]:
    """Tell for each finding whether it is a notice of a rule that was shown in full before."""
    seen: set[str] = set()
    for finding in findings:
        yield finding, finding.severity is Severity.NOTICE and finding.rule in seen
        seen.add(finding.rule)


def _finding(finding: Finding, colour: bool, width: int, *, brief: bool) -> str:
    severity = f"{_COLOURS[finding.severity]}{finding.severity}{_RESET}" if colour else str(finding.severity)
    head = f"{printable(str(finding.span))}: {severity}: {finding.rule}"
    if brief:
        return f"{head} (as above)"
    shown = excerpt(finding.span, finding.statement, width)
    lines = [head, *([_coloured(line, finding.severity) for line in shown] if colour else shown)]
    lines += textwrap.wrap(printable(finding.message), width, initial_indent="  ", subsequent_indent="  ")
    if finding.safe:
        lines += ["  instead:", *_advice(finding, width)]
    return "\n".join(lines)


def _coloured(line: str, severity: Severity) -> str:
    """Colour the numbers and the bar of an excerpt, and the carets as the severity is."""
    gutter, bar, text = line.partition("|")
    code = text.strip()
    if code and not code.strip("^"):
        text = text.replace(code, f"{_COLOURS[severity]}{code}{_RESET}")
    return f"{_GUTTER}{gutter}{bar}{_RESET}{text}"


def _advice(finding: Finding, width: int) -> list[str]:
    """Write what to do instead; a long statement that stands in it as it is was shown already, and is cut."""
    safe, statement = finding.safe, finding.statement
    if statement in safe and is_cut(statement, width):
        first = clip(statement.splitlines()[0].rstrip(), width).removesuffix("...").rstrip()
        safe = safe.replace(f"{statement};", f"{first} ...; -- the statement as it is")
    return [f"    {printable(line)}".rstrip() for line in safe.splitlines()]


def _unanalysed(one: Unanalysed) -> str:
    return printable(f"{one.file}:{one.line}: {one.reason}")


def _runners(report: LintReport) -> str:
    """Say what runs the files, where anything but psql does."""
    named = sorted(report.frameworks.items(), key=lambda each: (-each[1], each[0]))
    if [name for name, _ in named] in ([], ["psql"]):
        return ""
    return " of " + " and ".join(f"{name} ({count})" if len(named) > 1 else name for name, count in named)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
