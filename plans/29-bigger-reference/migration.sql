-- Products have outgrown int; what refers to them follows. Tags are to be searched.
ALTER TABLE stock ALTER COLUMN product TYPE bigint;
ALTER TABLE stock ALTER COLUMN tags TYPE jsonb;
