-- do not convert
INSERT INTO orders (status) VALUES ('opne');
