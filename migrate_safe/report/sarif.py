"""SARIF 2.1.0, which code scanning platforms read: what all our logs share.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.metadata import version

Json = dict[str, object]

_NOT_IN_URI = re.compile(rb"[^A-Za-z0-9_.~/-]")
_ROOT = "%SRCROOT%"


def sarif_log(rules: Sequence[Json], results: Sequence[Json], notifications: Sequence[Json], *, whole: bool) -> str:
    """Write a log of one run.

    `rules` are descriptors, in the order of `ruleIndex`; `whole` says that everything was looked at.
    """
    run = {
        "tool": {
            "driver": {
                "name": "migrate-safe",
                "semanticVersion": version("migrate-safe"),
                "rules": list(rules),
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": whole, "toolExecutionNotifications": list(notifications)}],
        "results": list(results),
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def sarif_location(file: str, region: Json) -> Json:
    """Point at a part of a file."""
    artifact = {"uri": _uri(file)}
    if not file.startswith("/"):
        artifact["uriBaseId"] = _ROOT
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _uri(file: str) -> str:
    return _NOT_IN_URI.sub(lambda found: b"%%%02X" % ord(found[0]), file.encode("utf-8", "surrogateescape")).decode(
        "ascii"
    )
