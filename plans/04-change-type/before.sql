CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    price int NOT NULL DEFAULT 0,
    weight varchar(10)
);

CREATE INDEX products_price_idx ON products (price, id);
COMMENT ON COLUMN products.price IS 'what the shop asks';

INSERT INTO products (title, price, weight) SELECT 'product ' || g, g * 100, g || ' kg' FROM generate_series(1, 1000) g;
