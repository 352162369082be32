"""`python -m migrate_safe` is `migrate-safe`."""

from __future__ import annotations

import sys

from migrate_safe.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
