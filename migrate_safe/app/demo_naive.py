"""The naive way, for comparison: the migration as it was written, on a copy, under the same load."""

from __future__ import annotations

import threading
import time

from migrate_safe.adapters.postgres import connect
from migrate_safe.app import demo_shop as shop
from migrate_safe.app.demo_story import Story, analyst
from migrate_safe.model.source import Source
from migrate_safe.report.demo import ClientFigures
from migrate_safe.sql.parse import parse_script


def run_naive(story: Story) -> ClientFigures:
    """Run the migration statement by statement, as psql does, then replace the old version by the new one.

    The same analyst is at work, for as long as the planned contract waited for one.
    """
    wish = story.wish
    story.start(shop.OLD)
    story.chapter(f"The naive way, on the copy: {shop.OLD} serves")
    story.serve(wish.seconds)
    story.chapter("psql -f 0042_contact.sql, while an analyst's transaction reads orders")
    leaves = threading.Event()
    reading = threading.Thread(target=_read, args=(story.dsn, wish.patience, leaves), daemon=True)
    reading.start()
    leaves.wait()
    _run_migration(story)
    reading.join()
    story.chapter(f"{shop.NEW} is rolled out, {shop.OLD} goes")
    story.serve(wish.seconds / 2)
    story.start(shop.NEW)
    story.serve(wish.seconds)
    story.stop(shop.OLD)
    story.stop(shop.NEW)
    return story.figures("contact_email")


def _run_migration(story: Story) -> None:
    path = story.project / shop.MIGRATION
    script = parse_script(Source(str(shop.MIGRATION), path.read_text()))
    with connect(story.dsn, application_name="psql") as connection:
        for statement in script.statements:
            began = time.monotonic()
            connection.execute(statement.text.encode())
            story.narrator.say(f"{(time.monotonic() - began) * 1000:6,.0f} ms  {statement.text}")


def _read(dsn: str, seconds: float, begun: threading.Event) -> None:
    try:
        with analyst(dsn):
            begun.set()
            time.sleep(seconds)
    finally:
        begun.set()
