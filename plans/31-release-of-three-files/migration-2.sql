-- Every shipment has one that is known.
ALTER TABLE shipments ADD CONSTRAINT shipments_carrier_fkey FOREIGN KEY (carrier_name) REFERENCES carriers (name);
CREATE INDEX shipments_express ON shipments (carrier_name) WHERE express;
ALTER TABLE manifests RENAME COLUMN printed TO is_printed;
