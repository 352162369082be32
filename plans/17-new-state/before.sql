CREATE TYPE state AS ENUM ('open', 'paid');

CREATE TABLE orders (
    id serial PRIMARY KEY,
    state state NOT NULL DEFAULT 'open',
    total numeric NOT NULL
);
CREATE TABLE rates (code text PRIMARY KEY, percent int NOT NULL);

CREATE FUNCTION due(total numeric) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT total';
CREATE VIEW unpaid AS SELECT id, total FROM orders WHERE state = 'open';

INSERT INTO orders (total) SELECT g FROM generate_series(1, 500) g;
INSERT INTO rates VALUES ('normal', 19);
