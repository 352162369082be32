"""Opinions about effects: rules as data, and the engine that matches them."""
