CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    phone text,
    country text DEFAULT 'DE'
);

INSERT INTO customers (name, phone) SELECT 'customer ' || g, '+49 ' || g FROM generate_series(1, 2000) g;
