-- public.logins has several rows with the same tenant, email: merge them first: 1 row, first: 7, twice@example.org
INSERT INTO logins (tenant, email) VALUES (7, 'twice@example.org'), (7, 'twice@example.org'), (8, 'Ann@example.org');
INSERT INTO logins (tenant, email) VALUES (8, 'ann@example.org');
