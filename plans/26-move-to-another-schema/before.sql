CREATE TABLE clients (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    client bigint NOT NULL REFERENCES clients,
    number text NOT NULL UNIQUE,
    total numeric NOT NULL
);
CREATE VIEW open_invoices AS SELECT id, client, total FROM invoices WHERE total > 0;

INSERT INTO clients (name) SELECT 'client ' || g FROM generate_series(1, 100) g;
INSERT INTO invoices (client, number, total) SELECT 1 + g % 100, 'R' || g, g FROM generate_series(1, 500) g;
