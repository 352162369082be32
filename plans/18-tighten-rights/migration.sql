-- Accounts belong to somebody, and are never deleted.
CREATE POLICY own ON accounts USING (owner = CURRENT_USER);
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
REVOKE DELETE ON accounts FROM PUBLIC;
DROP TRIGGER noted ON accounts;
ALTER TABLE accounts SET (fillfactor = 80);
COMMENT ON COLUMN accounts.owner IS 'who may see it';
