"""Results in words and machine formats."""
