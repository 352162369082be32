INSERT INTO customers (full_name, email)
SELECT 'Customer ' || n, 'shop.0.' || n || '@shop.example' FROM generate_series(1, %(rows)s::bigint) n;

INSERT INTO orders (customer_id, reference, channel, total_cents, placed_at)
SELECT (n - 1) %% %(rows)s::bigint + 1, 'shop.0.' || n, (ARRAY['web', 'phone', 'shop'])[n %% 3 + 1], n %% 20000,
       now() - n * interval '1 second'
FROM generate_series(1, 2 * %(rows)s::bigint) n;

ANALYZE customers, orders;
