"""A comment comes after the step that makes what it speaks of, and before none that would lose it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from msgspec import Struct

from migrate_safe.catalog.describe_remarks import remark_parts
from migrate_safe.model.schema import Schema
from migrate_safe.model.values import replace
from migrate_safe.planner.draft import Draft, Outcome, Rank, in_order
from migrate_safe.planner.locks import state_after
from migrate_safe.planner.operations import Operation

_LATEST = Rank.ENFORCE


def comments_of(schema: Schema) -> Iterator[tuple[str, str]]:
    """Give every comment that the catalog holds, by what it speaks of."""
    for part in remark_parts(schema):
        if part.key.startswith("comment on "):
            yield part.key.removeprefix("comment on "), part.text
    for (kind, name), thing in schema.things.items():
        yield from ((f"{kind} {name}", text) for word, text in thing.facts if word == "comment")
    for publication in schema.publications.values():
        if publication.comment is not None:
            yield f"publication {publication.name}", publication.comment


class Said(Struct, frozen=True):
    """A comment's step, and what the plain migration has after it: the comment, by what it speaks of."""

    draft: Draft
    key: str
    text: str | None


def is_comment(outcome: Outcome) -> bool:
    """Say whether an outcome is the step of a COMMENT."""
    return any(d.step.id.split(".")[1] == "comment" for d in outcome.drafts)


def said(operation: Operation, draft: Draft) -> Said:
    """Read what a COMMENT changes."""
    before, after = dict(comments_of(operation.before)), dict(comments_of(operation.after))
    key = next(k for k in {**before, **after} if before.get(k) != after.get(k))
    return Said(draft, key, after.get(key))


def placed(comments: Sequence[Said], drafts: Sequence[Draft], start: Schema, end: Schema) -> dict[int, Draft | None]:
    """Give each comment's step, by its number, in the first move where it holds; None where there is none before purge.

    It holds where what it speaks of is there, and stays until the end. `drafts` are all steps, in the order of their
    statements; `end` is what the plain migration leaves.
    """
    left = dict(comments_of(end))
    lasting = {c.key for c in comments if left.get(c.key) == c.text}
    holding = _holding(comments, drafts, start, lasting)
    found: dict[int, Draft | None] = {}
    for at, comment in enumerate(comments):
        if comment in holding:
            found[at] = comment.draft
            continue
        found[at] = next((m for m in _moves(comment) if _holds(comment, m, drafts, start, lasting)), None)
    return found


def _moves(comment: Said) -> Iterator[Draft]:
    _, _, what = comment.draft.step.id.partition(".")
    for rank in Rank:
        if comment.draft.rank < rank <= _LATEST:
            yield Draft(rank, replace(comment.draft.step, id=f"{rank.phase}.{what}", phase=rank.phase))


def _holds(comment: Said, moved: Draft, drafts: Sequence[Draft], start: Schema, lasting: Set[str]) -> bool:
    said_later = replace(comment, draft=moved)
    line = [moved if d is comment.draft else d for d in drafts]
    return bool(_holding([said_later], line, start, lasting))


def _holding(comments: Sequence[Said], drafts: Sequence[Draft], start: Schema, lasting: Set[str]) -> list[Said]:
    """Give the comments that are set where they stand and are there at the end, where they are to last."""
    state, found = start, []
    for item in in_order(drafts):
        state = state_after(item.step.work, state)
        here = [c for c in comments if c.draft is item]
        if here:
            now = dict(comments_of(state))
            found += [c for c in here if now.get(c.key) == c.text]
    now = dict(comments_of(state))
    return [c for c in found if c.key not in lasting or now.get(c.key) == c.text]
