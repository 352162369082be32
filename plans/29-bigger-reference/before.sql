CREATE TABLE products (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE stock (
    warehouse int NOT NULL,
    product int NOT NULL CONSTRAINT stock_product_fkey REFERENCES products ON DELETE CASCADE,
    pieces int NOT NULL DEFAULT 0 CONSTRAINT not_negative CHECK (pieces >= 0),
    CONSTRAINT stock_once UNIQUE (product, warehouse)
);
CREATE INDEX stock_low ON stock (product) WHERE pieces < 10;
GRANT SELECT, INSERT, UPDATE ON stock TO PUBLIC;

INSERT INTO products SELECT g, 'product ' || g FROM generate_series(1, 200) g;
INSERT INTO stock (warehouse, product, pieces) SELECT g % 3, 1 + g % 200, g FROM generate_series(1, 200) g;
