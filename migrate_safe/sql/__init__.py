"""What a text says: PostgreSQL's own parser turned into values of the model."""
