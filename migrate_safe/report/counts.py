"""How many findings there are of each severity."""

from __future__ import annotations

from collections.abc import Sequence

from migrate_safe.model.finding import Finding, Severity


def count_severities(findings: Sequence[Finding]) -> dict[Severity, int]:
    """Count findings by severity, the worst first."""
    return {severity: sum(f.severity is severity for f in findings) for severity in Severity}
