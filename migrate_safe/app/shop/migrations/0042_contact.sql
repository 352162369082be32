-- Say what the address is for, know where every order came from, and list the latest orders quickly.

ALTER TABLE customers RENAME COLUMN email TO contact_email;

ALTER TABLE orders ALTER COLUMN channel SET NOT NULL;

CREATE INDEX orders_placed_at_idx ON orders (placed_at);
