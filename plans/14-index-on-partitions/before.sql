CREATE TABLE measurements (
    sensor int NOT NULL,
    taken int NOT NULL,
    value numeric NOT NULL,
    note text
) PARTITION BY RANGE (taken);

CREATE TABLE measurements_old PARTITION OF measurements FOR VALUES FROM (0) TO (1000);
CREATE TABLE measurements_new PARTITION OF measurements FOR VALUES FROM (1000) TO (2000) PARTITION BY LIST (sensor);
CREATE TABLE measurements_new_1 PARTITION OF measurements_new FOR VALUES IN (1);
CREATE TABLE measurements_new_rest PARTITION OF measurements_new DEFAULT;
CREATE INDEX by_note ON measurements (note);

INSERT INTO measurements (sensor, taken, value) SELECT g % 7, g, g / 10.0 FROM generate_series(0, 1999) g;
