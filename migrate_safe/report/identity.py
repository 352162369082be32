"""What makes a finding the same one in another run: so that a platform, or a baseline, knows it again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from migrate_safe.model.finding import Finding


def fingerprints(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Give each finding 64 hex digits that stay the same while other lines of its file change.

    They are made from rule, file, relation and statement, whatever its blanks, and a number where these are equal.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for finding in findings:
        key = (finding.rule, finding.span.file, finding.relation or "", " ".join(finding.statement.split()))
        seen[key] += 1
        found.append(hashlib.sha256("\0".join([*key, str(seen[key])]).encode("utf-8", "surrogateescape")).hexdigest())
    return tuple(found)
