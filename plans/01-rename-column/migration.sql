-- Say what the address is for, know where every order came from, find the latest orders fast.
ALTER TABLE customers RENAME COLUMN email TO invoice_email;

ALTER TABLE orders ALTER COLUMN channel SET NOT NULL;

CREATE INDEX ON orders (placed_at DESC);
