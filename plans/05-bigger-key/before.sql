CREATE TABLE events (
    id serial PRIMARY KEY,
    kind text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO events (kind) SELECT 'kind ' || g % 7 FROM generate_series(1, 1000) g;
