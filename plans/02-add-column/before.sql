CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);

INSERT INTO accounts (name) SELECT 'account ' || g FROM generate_series(1, 1000) g;
