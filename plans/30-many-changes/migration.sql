-- The spring release.
CREATE TABLE addresses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES customers,
    street text NOT NULL
);
CREATE INDEX ON addresses (customer);

ALTER TABLE customers
    ALTER COLUMN newsletter SET NOT NULL,
    ADD COLUMN loyalty int NOT NULL DEFAULT 0 CHECK (loyalty >= 0),
    ADD COLUMN ref uuid DEFAULT gen_random_uuid();

ALTER TYPE channel ADD VALUE 'phone';

ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers (id);
CREATE INDEX orders_by_customer ON orders (customer, id DESC);
ALTER TABLE orders DROP COLUMN legacy_code;

CREATE OR REPLACE VIEW turnover AS
    SELECT customer, sum(cents) AS cents, count(*) AS orders FROM orders GROUP BY customer;
REVOKE DELETE ON orders FROM PUBLIC;
