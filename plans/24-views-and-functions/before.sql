CREATE TABLE sales (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region text NOT NULL,
    amount numeric NOT NULL,
    sold_on date NOT NULL DEFAULT current_date
);

CREATE FUNCTION commission(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount * 0.1';
CREATE VIEW earnings AS SELECT id, region, amount, commission(amount) AS earned FROM sales;
CREATE MATERIALIZED VIEW totals AS SELECT region, sum(amount) AS total FROM sales GROUP BY region;
CREATE UNIQUE INDEX totals_by_region ON totals (region);
GRANT SELECT ON earnings, totals TO PUBLIC;
COMMENT ON VIEW earnings IS 'what sellers get';

INSERT INTO sales (region, amount, sold_on) SELECT 'region ' || g % 7, g, date '2024-01-01' + g FROM generate_series(1, 500) g;
REFRESH MATERIALIZED VIEW totals;
