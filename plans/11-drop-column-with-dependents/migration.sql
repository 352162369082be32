-- Nobody has a fax machine any more.
DROP VIEW contacts;
CREATE VIEW phone_book AS SELECT id, name, phone FROM employees;
GRANT SELECT ON phone_book TO PUBLIC;

DROP TRIGGER tidy_fax ON employees;
DROP FUNCTION tidy_fax();

-- migrate-safe: phase contract
-- migrate-safe: undo ALTER PUBLICATION directory SET TABLE employees (id, name, fax);
ALTER PUBLICATION directory SET TABLE employees (id, name);

ALTER TABLE employees DROP COLUMN fax_digits, DROP COLUMN fax;
