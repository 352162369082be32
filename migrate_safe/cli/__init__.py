"""The front door: click, one file per command, no logic."""
