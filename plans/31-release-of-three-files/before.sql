CREATE TABLE shipments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier_name text NOT NULL,
    tracking text,
    kg int NOT NULL
);
CREATE TABLE manifests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shipment bigint NOT NULL REFERENCES shipments,
    printed boolean
);

INSERT INTO shipments (carrier_name, tracking, kg) SELECT 'carrier ' || g % 5, 'T' || g, g FROM generate_series(1, 500) g;
INSERT INTO manifests (shipment) SELECT g FROM generate_series(1, 500) g;
