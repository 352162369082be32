CREATE TABLE logins (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant int NOT NULL,
    email text NOT NULL,
    token text
);

INSERT INTO logins (tenant, email) SELECT g % 5, 'u' || g || '@example.org' FROM generate_series(1, 1000) g;
