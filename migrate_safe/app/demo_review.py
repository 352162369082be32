"""Before anything runs: lint, plan and check the shop's migration; afterwards: is the schema the one asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from migrate_safe.adapters.catalog_reader import read_schema
from migrate_safe.adapters.postgres import connect
from migrate_safe.app import demo_shop as shop
from migrate_safe.app.check import check
from migrate_safe.app.demo_telling import Narrator
from migrate_safe.app.lint import LintRequest, lint
from migrate_safe.app.plan import PlanRequest, write_plan
from migrate_safe.app.plan import plan as make_plan
from migrate_safe.catalog.diff import diff
from migrate_safe.model.errors import StepFailed
from migrate_safe.model.plan import Plan
from migrate_safe.report.check_text import check_text
from migrate_safe.report.lint_text import lint_text
from migrate_safe.report.work import in_short

PLAN_FILE = Path("plans/0042_contact.yaml")
LINE = 116


def review(project: Path, dsn: str, narrator: Narrator) -> Plan:
    """Lint the migration, plan it, write the plan down, and check it for both app versions.

    Raises StepFailed when the naive form has no finding, or when a version breaks while it runs.
    """
    with chdir(project):  # so that every file is named as the shop's people name it
        narrator.chapter("lint: what it would do to the live shop")
        found = lint(LintRequest((shop.MIGRATION,)))
        narrator.show(f"migrate-safe lint {shop.MIGRATION}", lint_text(found.report))
        if not found.report.findings:
            raise StepFailed("lint finds nothing in the naive migration")
        narrator.chapter("plan: the same in phases, each step with its way back")
        plan = make_plan(PlanRequest(shop.MIGRATION))
        PLAN_FILE.parent.mkdir(exist_ok=True)
        write_plan(plan, PLAN_FILE)
        narrator.show(f"migrate-safe plan {shop.MIGRATION} -o {PLAN_FILE}", "\n".join(outline(plan)))
        narrator.chapter("check: which app version works at which state")
        old, new = (shop.release_file(Path(), version) for version in (shop.OLD, shop.NEW))
        checked = check(PLAN_FILE, old=(old,), new=(new,), postgres=dsn)
        narrator.show(f"migrate-safe check {PLAN_FILE}", check_text(checked))
        if checked.matrix.breaks:
            raise StepFailed("an app version would break while it runs")
    return plan


def outline(plan: Plan) -> Iterator[str]:
    """Give two lines for each step of a plan: what it does, and what takes it back."""
    phase = None
    for number, step in enumerate(plan.steps, start=1):
        if step.phase is not phase:
            phase = step.phase
            yield phase.value
        yield f"  {number:>2}. {step.does}"
        way = f"NO WAY BACK: {step.irreversible}" if step.undo is None else f"back: {in_short(step.undo)}"
        yield shorten(f"      {way}")


def shorten(line: str) -> str:
    """Cut a line to what a terminal shows."""
    return line if len(line) <= LINE else f"{line[: LINE - 3]}..."


def same_schema(one: str, other: str) -> bool:
    """Say whether two databases have the same tables, with everything that belongs to them."""
    with connect(one) as first, connect(other) as second:
        return not diff(read_schema(first), read_schema(second), (shop.CUSTOMERS, shop.ORDERS))
