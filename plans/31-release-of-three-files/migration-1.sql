-- Carriers are things of their own.
CREATE TABLE carriers (name text PRIMARY KEY, phone text);
INSERT INTO carriers (name) VALUES ('carrier 0'), ('carrier 1'), ('carrier 2'), ('carrier 3'), ('carrier 4');
ALTER TABLE shipments ADD COLUMN express boolean NOT NULL DEFAULT false;
