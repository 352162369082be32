CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE faxes (
    id bigserial PRIMARY KEY,
    customer bigint NOT NULL REFERENCES customers,
    number text NOT NULL
);
COMMENT ON TABLE faxes IS 'not sent since 2019';
CREATE INDEX ON faxes (number);
CREATE VIEW fax_numbers AS SELECT customer, number FROM faxes;

INSERT INTO customers (name) SELECT 'customer ' || g FROM generate_series(1, 500) g;
INSERT INTO faxes (customer, number) SELECT g, '0' || g FROM generate_series(1, 100) g;
