-- Every customer can be called, and lives somewhere.
ALTER TABLE customers ALTER COLUMN phone SET NOT NULL;

-- migrate-safe: old-app-keeps no version has ever sent a country of its own
ALTER TABLE customers ALTER COLUMN country SET NOT NULL;
