from __future__ import annotations

from migrate_safe.adapters.clients import Call
from migrate_safe.app.demo_figures import Chapter, chapter_of, longest_within, percentile, sum_up
from migrate_safe.model.values import replace
from migrate_safe.report.demo import BackfillFigures, ClientFigures, DemoResult, closing_text

CHAPTERS = (Chapter("quiet", 10.0), Chapter("busy", 20.0))
CALLS = (
    Call("v41", 11.0, 5.0, 1, "read", None),
    Call("v41", 12.0, 9.0, 2, "order", None),
    Call("v42", 21.0, 80.0, 1, "read", None),
    Call("v42", 22.0, 3.0, 1, "read", "gone"),
    Call("v41", 23.0, 3.0, 1, "read", "gone"),
    Call("v41", 24.0, 3.0, 1, "read", "other"),
)
SAFE = ClientFigures(12_345, 0, (), 87.4, "apply --through migrate", 9.6, 0)
NAIVE = ClientFigures(2_345, 835, (("column gone", 700), ("other", 135)), 4_567.8, "psql", 4_021.0, 0)
RESULT = DemoResult(SAFE, NAIVE, BackfillFigures(200_000, 8.0), 21.0, 100, True, 71.2)

CLOSING = """
  measured by the clients               migrate-safe     naive
  client statements                           12,345     2,345
  failed                                           0       835
  acknowledged writes lost                         0         0
  longest client stall                         87 ms  4,568 ms
    stall budget for one lock attempt         100 ms      none
    longest while nothing was changed          21 ms
  99 of 100 statements within                  10 ms  4,021 ms
  backfill under load                  25,000 rows/s
    200,000 rows in                            8.0 s

  naive, 700 times: column gone
  naive, 135 times: other

  No client statement failed, no write was lost, both ways end in the same schema.
  The longest stall came in "apply --through migrate". 71 s in all.
"""


def test_figures_are_sums_over_every_call():
    assert sum_up(CALLS, CHAPTERS, 4) == ClientFigures(7, 3, (("gone", 2), ("other", 1)), 80.0, "busy", 80.0, 4)


def test_a_call_belongs_to_the_chapter_in_which_it_was_due():
    assert [chapter_of(call, CHAPTERS) for call in CALLS[1:3]] == ["quiet", "busy"]
    assert longest_within(CALLS, CHAPTERS, "quiet") == 9.0
    assert longest_within(CALLS, CHAPTERS, "never") == 0.0


def test_percentile_is_a_value_that_was_seen():
    values = [float(n) for n in range(100)]
    assert percentile(values, 0.99) == 99.0
    assert percentile(reversed(values), 0.5) == 50.0
    assert percentile([], 0.5) == 0.0
    assert percentile([7.0], 0.99) == 7.0


def test_the_closing_table():
    assert closing_text(RESULT) == CLOSING
    assert RESULT.holds


def test_every_broken_promise_is_named():
    failed = replace(RESULT, safe=replace(SAFE, failed=2, errors=(("column gone", 2),)))
    lost = replace(RESULT, safe=replace(SAFE, lost_writes=3))
    other = replace(RESULT, same_schema=False)
    assert "BROKEN PROMISE: 2 statements failed (2 times: column gone), no write lost" in closing_text(failed)
    assert "3 writes lost" in closing_text(lost)
    assert "THE TWO WAYS END IN DIFFERENT SCHEMAS" in closing_text(other)
    assert not any(result.holds for result in (failed, lost, other))
