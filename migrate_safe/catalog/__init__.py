"""What a database contains, and how statements change it."""
