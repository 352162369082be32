-- Label printers have room for eight letters.
ALTER TABLE couriers ALTER COLUMN code TYPE varchar(8);
