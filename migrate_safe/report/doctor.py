"""What doctor found, in words and as JSON, whose schema ships beside this file."""

from __future__ import annotations

import json
from pathlib import Path

from migrate_safe.model.health import DoctorReport, Gravity

FORMAT = "migrate-safe/doctor/1"


def doctor_text(report: DoctorReport) -> str:
    """Write a report for people: what, and under it what helps."""
    lines = [f"{report.version}, database {report.database}, role {report.role}"]
    for trouble in report.troubles:
        lines += ["", f"{trouble.gravity.value}: {trouble.what}", f"  {trouble.remedy}"]
    counts = {g: sum(t.gravity is g for t in report.troubles) for g in Gravity}
    told = ", ".join(f"{n} {g.value}{'s' * (n != 1)}" for g, n in counts.items() if n)
    return "\n".join([*lines, "", told or "nothing found"]) + "\n"


def doctor_json(report: DoctorReport) -> str:
    """Write a report for machines; stable, see FORMAT."""
    value = {
        "format": FORMAT,
        "database": report.database,
        "role": report.role,
        "server": report.version,
        "now": report.now.isoformat(),
        "well": report.well,
        "troubles": [
            {"about": t.about, "gravity": t.gravity.value, "what": t.what, "remedy": t.remedy} for t in report.troubles
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def doctor_schema_path() -> Path:
    """Find the JSON Schema of the format."""
    return Path(__file__).parent / "schemas" / "doctor-1.json"
