"""What app versions ask of the database, compared with what it offers."""
