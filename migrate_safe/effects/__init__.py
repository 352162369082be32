"""What a statement does to a live database."""
