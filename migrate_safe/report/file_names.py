"""Names of files as text: a name on disk is bytes, and some are not UTF-8."""

from __future__ import annotations


def shown(file: str) -> str:
    r"""Write a name so that every output can take it: a byte that is no UTF-8 as `\xff`."""
    return file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
