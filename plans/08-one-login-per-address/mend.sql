DELETE FROM logins a USING logins b WHERE a.tenant = b.tenant AND lower(a.email) = lower(b.email) AND a.id > b.id;
