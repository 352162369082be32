"""Which servers there are."""

from __future__ import annotations

MAJORS = range(14, 19)
"""Major versions of PostgreSQL that are supported."""

NEWEST = MAJORS[-1]
"""The one that is meant where nobody says which."""
