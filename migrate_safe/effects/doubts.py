"""What an effect may depend on that nobody can know before the statement runs, or without the whole catalog.

`tests/truth/doubts.yaml` shows each to come out both ways on a server.
"""

from __future__ import annotations

from enum import StrEnum

from migrate_safe.model.effect import Effect


class Doubt(StrEnum):
    """A reason, as people read it: `{}` are the names of what is in doubt.

    An effect in doubt is given for the worse outcome. Of the last four that is not all: nothing here names what else
    is locked then.
    """

    TIME_ZONE = "the session's TimeZone: only under UTC is nothing rewritten"
    TYPE_NOW = "the type that {!r} has now is not known"
    TYPE_STORED = "whether {} is stored as {} is not known"
    TYPE_DOMAIN = "whether type {} is a domain with constraints is not known"
    VOLATILE = "whether function {} is volatile is not known"
    NOT_NULL = "whether {} is NOT NULL is not known"
    FILLED = "whether trigger {!r} fills {} is not known"
    NOT_NULL_PROVEN = "whether {} is proven NOT NULL is not known"
    KEY_NOT_NULL = "whether the columns of index {} are NOT NULL is not known"
    VALIDATED = "whether constraint {!r} is valid already is not known"
    BOUND_PROVEN = "whether a CHECK of {} proves the bound is not known"
    TABLESPACE = "where {} is stored now is not known"
    PARTITIONS_LEFT = "which partitions the condition leaves is not judged"
    PARTITIONS_WRITTEN = "which partitions of {} get rows is not known"
    BOUND_LOOKED_UP = "whether the session has looked up the bound of {} already is not known"
    DEFAULTS = "whether rows get their defaults in {} is not known"
    DRAWN = "whether rows make it draw from {} is not known"
    REFERRING = "whether rows of {} come to refer to {} is not known"
    REFERRED = "whether rows of {} refer to those of {} is not known"
    TRIGGERED = "whether trigger {!r} of {} comes to do all that it may is not known"
    CALLED = "whether rows make it call function {}, and what that comes to do, is not known"
    OVERLOADED = "which of the functions {} expressions call is not known"
    CONDITIONAL = "which of its statements the block comes to run is not known"
    RESTING = "whether {} rests on {} is not known"
    CONSTRAINT = "what constraint {!r} of {} is, and which table it may refer to, is not known"
    TRIGGER = "what trigger {!r} of {} does is not known"
    EVENT_TRIGGER = "what event trigger {} comes to do is not known"
    EXTENSION = "which relations extension {} brought is not known: they are locked"

    def because(self, *what: object) -> str:
        """Give the reason with the names in it."""
        return self.format(*what)

    def effect(self, *what: object) -> Effect:
        """Give an effect that says nothing but this doubt."""
        return Effect(depends=(self.because(*what),))


class Rows(StrEnum):
    """What rows the server would refuse a statement for: whether there are any, only the database can tell.

    UNFOUND is about those that make the server call a function, the last three are about what the catalog of one
    database does not show.
    """

    DUPLICATES = "rows of {} that are equal, or in conflict, by {}"
    NULLS = "rows of {} with NULL in {}"
    BREAKING = "rows of {} that break {}"
    ORPHANS = "rows of {} that refer to none of {}"
    ANY = "any row of {}: nothing gives it a value for {}"
    CONVERTED = "values of {} that are none of {}"
    OUTSIDE = "rows of {} outside of its bounds"
    REFERRED_TO = "rows of {} to which rows of {} refer"
    PENDING = "rows of {} that this transaction wrote, which deferred constraints and triggers have yet to see"
    DISPLACED = "rows of {} that belong to the new partition"
    VETOED = "what event trigger {} refuses"
    UNFOUND = "rows for which function {} looks for {}, which it does not find without search_path"
    LACKED = "a server that has no {} {}"
    UNMARKED = "no index by which {} was clustered before"
    HELD = "anything that role {} owns or may use where this catalog does not show it"

    def effect(self, *what: object) -> Effect:
        """Give an effect that says nothing but that such rows are refused."""
        return Effect(refused_by=(self.format(*what),))
