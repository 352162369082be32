-- Prices in whole units with cents, and room for longer weights.
-- migrate-safe: back price = price * 100
ALTER TABLE products ALTER COLUMN price TYPE numeric(12, 2) USING price / 100.0;

ALTER TABLE products ALTER COLUMN weight TYPE varchar(40);
