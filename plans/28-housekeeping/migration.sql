-- What a table asks for after some years.
ALTER TABLE readings SET (autovacuum_vacuum_scale_factor = 0.02, fillfactor = 90);
ALTER TABLE readings ALTER COLUMN place SET STATISTICS 500;
ALTER TABLE readings ALTER COLUMN note SET STORAGE EXTERNAL;
CREATE STATISTICS readings_places (dependencies) ON sensor, place FROM readings;
ALTER INDEX readings_note SET (fastupdate = off);
ALTER INDEX readings_sensor_idx RENAME TO readings_by_sensor;
REINDEX INDEX readings_by_sensor;
ALTER SEQUENCE readings_id_seq CACHE 50;
ALTER DOMAIN percentage SET DEFAULT 50;
CREATE PUBLICATION measured FOR TABLE readings;
ALTER TABLE readings RENAME CONSTRAINT readings_place_check TO readings_have_a_place;
