-- Two thousand million events are not enough.
ALTER TABLE events ALTER COLUMN id TYPE bigint;
