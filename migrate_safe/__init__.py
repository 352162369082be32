"""Zero-downtime schema migrations for PostgreSQL."""
