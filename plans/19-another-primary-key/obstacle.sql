-- public.memberships has several rows with the same club, person: merge them first: 1 row, first: 7, 7
INSERT INTO memberships (club, person) VALUES (7, 7), (7, 7);
