CREATE TABLE warehouses (
    id int PRIMARY KEY,
    city text NOT NULL
);

CREATE TABLE parcels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    warehouse int,
    weight int NOT NULL
);

INSERT INTO warehouses SELECT g, 'city ' || g FROM generate_series(1, 20) g;
INSERT INTO parcels (warehouse, weight) SELECT 1 + g % 20, g FROM generate_series(1, 1000) g;
