CREATE TABLE accounts (
    id bigserial PRIMARY KEY,
    owner text NOT NULL DEFAULT CURRENT_USER,
    balance numeric NOT NULL DEFAULT 0
);
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO PUBLIC;
GRANT USAGE ON SEQUENCE accounts_id_seq TO PUBLIC;

CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noted BEFORE UPDATE ON accounts FOR EACH ROW WHEN (OLD.balance <> NEW.balance) EXECUTE FUNCTION noted();

INSERT INTO accounts (balance) SELECT g FROM generate_series(1, 200) g;
