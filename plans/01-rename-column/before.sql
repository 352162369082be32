CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL CONSTRAINT customers_email_once UNIQUE CHECK (email <> ''),
    full_name text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX customers_by_domain ON customers (split_part(email, '@', 2), created_at DESC);
COMMENT ON COLUMN customers.email IS 'where invoices go';

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id),
    channel text,
    placed_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO customers (email, full_name) SELECT 'c' || g || '@example.org', 'Customer ' || g FROM generate_series(1, 500) g;
INSERT INTO orders (customer_id, channel) SELECT 1 + g % 500, 'web' FROM generate_series(1, 2000) g;
