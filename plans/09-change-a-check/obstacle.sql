-- rows
INSERT INTO orders (total) VALUES (40001);
