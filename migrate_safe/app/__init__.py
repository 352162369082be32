"""One verb per file: walks the rooms and opens the adapters."""
