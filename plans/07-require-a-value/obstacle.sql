-- public.customers has rows without phone: fill them first: 2 rows, first: 2001, 2002
INSERT INTO customers (name) VALUES ('no phone'), ('no phone either');
