-- An address logs in once in each tenant, whatever its case; a token opens one door.
ALTER TABLE logins ADD CONSTRAINT logins_once UNIQUE (tenant, email);
CREATE UNIQUE INDEX logins_once_folded ON logins (tenant, lower(email));

-- migrate-safe: old-app-keeps tokens are random, of 122 bits
CREATE UNIQUE INDEX logins_by_token ON logins (token) WHERE token IS NOT NULL;
