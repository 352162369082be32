CREATE TABLE employees (
    id int PRIMARY KEY,
    name text NOT NULL,
    phone text,
    fax text NOT NULL DEFAULT '',
    fax_digits text GENERATED ALWAYS AS (translate(fax, ' +-', '')) STORED
);
CREATE INDEX employees_by_fax ON employees (fax);

CREATE FUNCTION tidy_fax() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.fax := trim(NEW.fax); RETURN NEW; END';
CREATE TRIGGER tidy_fax BEFORE INSERT OR UPDATE OF fax ON employees FOR EACH ROW EXECUTE FUNCTION tidy_fax();

CREATE VIEW contacts AS SELECT id, name, phone, fax FROM employees;
GRANT SELECT ON contacts TO PUBLIC;
CREATE PUBLICATION directory FOR TABLE employees (id, name, fax);

INSERT INTO employees SELECT g, 'employee ' || g, '+49 ' || g, '+49 0' || g FROM generate_series(1, 500) g;
