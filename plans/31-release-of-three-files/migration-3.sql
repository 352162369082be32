-- Nothing heavier than a lorry, and no manifest without an answer.
ALTER TABLE shipments ADD CONSTRAINT fits_a_lorry CHECK (kg <= 40000);
ALTER TABLE manifests ALTER COLUMN is_printed SET DEFAULT false;
