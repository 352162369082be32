"""What to do next: a machine of intents over the journal."""
