-- A parcel lies in a warehouse that exists, and weighs something.
ALTER TABLE parcels ADD FOREIGN KEY (warehouse) REFERENCES warehouses (id);

-- migrate-safe: old-app-keeps the scales have refused such parcels for years
ALTER TABLE parcels ADD CONSTRAINT weighs_something CHECK (weight > 0);

ALTER TABLE parcels DROP COLUMN IF EXISTS colour;
