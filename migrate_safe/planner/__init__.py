"""A migration as phases, each with its way back."""
