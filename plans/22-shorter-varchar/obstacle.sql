-- convert
INSERT INTO couriers (code) VALUES ('FAR TOO LONG');
