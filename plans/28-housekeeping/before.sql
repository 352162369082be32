CREATE DOMAIN percentage AS int DEFAULT 0 CONSTRAINT within CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE readings (
    id bigserial PRIMARY KEY,
    sensor int NOT NULL,
    place text NOT NULL CONSTRAINT readings_place_check CHECK (place <> ''),
    full_to percentage,
    note text
);
CREATE INDEX readings_sensor_idx ON readings (sensor);
CREATE INDEX readings_note ON readings USING gin (to_tsvector('simple', note));

INSERT INTO readings (sensor, place, full_to) SELECT g % 50, 'place ' || g % 50, g % 100 FROM generate_series(1, 1000) g;
