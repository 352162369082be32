CREATE TABLE clients (
    id bigserial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text
);
GRANT SELECT ON clients TO PUBLIC;

CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    client bigint NOT NULL REFERENCES clients,
    total numeric NOT NULL
);

INSERT INTO clients (email, name) SELECT g || '@example.org', 'client ' || g FROM generate_series(1, 500) g;
INSERT INTO invoices (client, total) SELECT g, g FROM generate_series(1, 500) g;
