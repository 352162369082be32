CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status text NOT NULL DEFAULT 'open',
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_by_status ON orders (status, placed_at);

INSERT INTO orders (status) SELECT (ARRAY['open', 'paid', 'sent'])[1 + g % 3] FROM generate_series(1, 1000) g;
