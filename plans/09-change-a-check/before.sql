CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status text NOT NULL DEFAULT 'new' CONSTRAINT status_known CHECK (status IN ('new', 'paid')),
    total numeric NOT NULL CONSTRAINT total_positive CHECK (total > 0)
);

INSERT INTO orders (status, total) SELECT CASE WHEN g % 3 = 0 THEN 'paid' ELSE 'new' END, g FROM generate_series(1, 1000) g;
