-- The commission depends on the region, and totals are kept by month.
CREATE FUNCTION commission(amount numeric, region text) RETURNS numeric LANGUAGE sql IMMUTABLE
    AS $$ SELECT amount * CASE region WHEN 'region 1' THEN 0.2 ELSE 0.1 END $$;
CREATE VIEW seller_earnings AS SELECT region, sold_on, commission(amount, region) AS earned FROM sales;
GRANT SELECT ON seller_earnings TO PUBLIC;
CREATE MATERIALIZED VIEW monthly_totals AS
    SELECT region, date_trunc('month', sold_on) AS month, sum(amount) AS total FROM sales GROUP BY 1, 2;
CREATE UNIQUE INDEX monthly_totals_once ON monthly_totals (region, month);

DROP VIEW earnings;
DROP FUNCTION commission(numeric);
DROP MATERIALIZED VIEW totals;
