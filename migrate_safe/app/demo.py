"""Tell the whole story on a PostgreSQL of its own, under the load of two app versions, and measure it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from migrate_safe.adapters.postgres import parse_dsn
from migrate_safe.adapters.scratch import ScratchServer, scratch_server
from migrate_safe.app import demo_shop as shop
from migrate_safe.app.apply import Wish, apply
from migrate_safe.app.demo_figures import longest_within
from migrate_safe.app.demo_naive import run_naive
from migrate_safe.app.demo_review import review, same_schema
from migrate_safe.app.demo_story import DemoWish, Story, analyst, story_of
from migrate_safe.app.demo_telling import Narrator, Stopwatch
from migrate_safe.app.executing import Target
from migrate_safe.app.purge import purge
from migrate_safe.app.rollback import rollback
from migrate_safe.app.status import status
from migrate_safe.executor.settings import Settings
from migrate_safe.model.errors import StepFailed, TryLater
from migrate_safe.model.plan import Phase, Plan
from migrate_safe.model.values import replace
from migrate_safe.report.demo import BackfillFigures, ClientFigures, DemoResult
from migrate_safe.report.status import status_text

QUIET = "v41 serves, nothing changes"


def demo(wish: DemoWish, narrator: Narrator) -> DemoResult:
    """Run the demo; everything it makes is gone afterwards, also after Ctrl-C.

    Raises StepFailed when the story does not go as it must, whatever else the commands raise.
    """
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="migrate-safe-demo-") as folder,
        scratch_server(wish.postgres, durable=True) as server,
    ):
        project = Path(folder)
        dsn, copy = _build(server, project, wish, narrator)
        plan = review(project, dsn, narrator)
        with story_of(narrator, dsn, project, wish) as story:
            safe, backfill, quiet = _release(story, plan)
        with story_of(narrator, copy, project, wish) as story:
            naive = run_naive(story)
        return DemoResult(
            safe, naive, backfill, quiet, Settings().stall_budget_ms, same_schema(dsn, copy), time.monotonic() - began
        )


def _build(server: ScratchServer, project: Path, wish: DemoWish, narrator: Narrator) -> tuple[str, str]:
    narrator.chapter(f"A shop on PostgreSQL {server.version}, with durable settings")
    shop.lay_out(project)
    dsn = server.create_database()
    shop.build(dsn, project, wish.rows)
    copy = server.create_database(template=parse_dsn(dsn)["dbname"])
    narrator.say(f"{wish.rows:,} customers, {2 * wish.rows:,} orders; and a copy, for the naive way later.")
    narrator.show(str(shop.MIGRATION), (project / shop.MIGRATION).read_text())
    return dsn, copy


def _release(story: Story, plan: Plan) -> tuple[ClientFigures, BackfillFigures, float]:
    target, patient = Target(story.dsn), Settings()
    stopwatch = Stopwatch(story.narrator)
    story.start(shop.OLD)
    story.chapter(QUIET)
    story.serve(story.wish.seconds)
    story.chapter(f"apply --through migrate, while {shop.OLD} serves")
    apply(plan, target, Wish(Phase.MIGRATE), patient, tell=stopwatch)
    story.chapter(f"{shop.NEW} starts beside {shop.OLD}: two versions, one truth")
    story.start(shop.NEW)
    story.serve(story.wish.seconds)
    story.chapter(f"{shop.OLD} stops, {shop.NEW} serves alone")
    story.stop(shop.OLD)
    story.serve(story.wish.seconds / 2)
    _fail_and_take_back(story, plan, target)
    story.chapter("apply --through contract, once more")
    apply(plan, target, Wish(Phase.CONTRACT), patient, tell=story.narrator.news)
    story.serve(story.wish.seconds / 2)
    story.chapter("purge --now")
    purge(plan, target, patient, now=True, confirm=plan.name, tell=story.narrator.news)
    story.serve(story.wish.seconds / 2)
    story.stop(shop.NEW)
    return story.figures("contact_email"), stopwatch.backfill(plan), longest_within(story.calls, story.chapters, QUIET)


def _fail_and_take_back(story: Story, plan: Plan, target: Target) -> None:
    hurried = replace(Settings(), give_up_after=story.wish.patience)
    story.chapter("apply --through contract, while an analyst's transaction reads orders")
    with analyst(story.dsn):
        try:
            apply(plan, target, Wish(Phase.CONTRACT), hurried, tell=story.narrator.news)
        except TryLater as error:
            story.narrator.say(f"exit {int(error.code)}: {error}")
        else:
            raise StepFailed("contract got its lock although an analyst's transaction holds one")
        story.narrator.show("migrate-safe status", status_text(status(target, plan.name)))
        story.chapter(f"rollback, and {shop.OLD} comes back")
        rollback(plan, target, tell=story.narrator.news)
    story.start(shop.OLD)
    story.serve(story.wish.seconds)
    lost = story.lost("email")
    story.narrator.say(f"{shop.OLD} works again beside {shop.NEW}; acknowledged writes that it cannot see: {lost}")
    if lost:
        raise StepFailed(f"{lost} acknowledged writes are lost after the rollback")
    story.stop(shop.OLD)
