-- Products have outgrown int; what refers to them follows.
ALTER TABLE stock ALTER COLUMN product TYPE bigint;
