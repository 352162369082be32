CREATE TYPE channel AS ENUM ('web', 'shop');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mail text NOT NULL CONSTRAINT customers_mail_once UNIQUE,
    newsletter boolean DEFAULT false,
    vat text
);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer bigint,
    via channel NOT NULL DEFAULT 'web',
    cents int NOT NULL,
    legacy_code text NOT NULL
);
CREATE INDEX orders_by_code ON orders (legacy_code);
CREATE VIEW turnover AS SELECT customer, sum(cents) AS cents FROM orders GROUP BY customer;
GRANT SELECT, INSERT, UPDATE, DELETE ON customers, orders TO PUBLIC;

INSERT INTO customers (mail) SELECT 'c' || g || '@example.org' FROM generate_series(1, 300) g;
INSERT INTO orders (customer, cents, legacy_code) SELECT 1 + g % 300, g, 'L' || g FROM generate_series(1, 1000) g;
