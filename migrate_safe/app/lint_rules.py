"""The rules that lint applies, the quickest way: compiled in the wheel, else in the cache, else from their files."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec

from migrate_safe.adapters.installation import installation
from migrate_safe.adapters.store import Store
from migrate_safe.rulebook.compiled import compile_rules, compiled_beside, digest_of, rules_of
from migrate_safe.rulebook.load import load_rules
from migrate_safe.rulebook.rule import Rule
from migrate_safe.rulebook.rule_files import rule_files


def quick_rules(folder: Path, store: Store | None) -> tuple[Rule, ...]:
    """Give the rules below a folder, without examples where that is quicker.

    Compiled ones are taken only where they are of the very texts that stand in the folder.
    """
    try:
        digest = digest_of(folder, rule_files(folder))
    except OSError:
        return load_rules(folder)
    beside = compiled_beside(folder)
    if beside is not None and beside.get("digest") == digest:
        return rules_of(folder, beside)
    if store is None:
        return load_rules(folder)
    key = blake2b(msgspec.msgpack.encode(("rules", digest, installation())), digest_size=32).digest()
    kept = store.get(key, dict)
    if kept is None:
        kept = compile_rules(folder)
        store.put(key, kept)
    return rules_of(folder, kept)
