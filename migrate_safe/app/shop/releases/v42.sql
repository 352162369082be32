-- find a customer
SELECT id, full_name, contact_email FROM customers WHERE id = %(any_row)s;

-- orders of a customer
SELECT id, reference, channel, total_cents FROM orders WHERE customer_id = %(any_row)s ORDER BY id DESC LIMIT 10;

-- to whom does the bill go
SELECT o.id, o.total_cents, c.contact_email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = %(any_row)s;

-- change an address
UPDATE customers SET contact_email = %(token)s WHERE id = %(row)s;

-- new customer
INSERT INTO customers (full_name, contact_email) VALUES (%(name)s, %(token)s) RETURNING id;

-- new order
INSERT INTO orders (customer_id, reference, channel, total_cents)
VALUES (%(any_row)s, %(token)s, %(word)s, %(amount)s) RETURNING id;

-- latest orders: what the new index is for
SELECT id, reference, placed_at FROM orders ORDER BY placed_at DESC LIMIT 20;
