CREATE TABLE memberships (
    id serial CONSTRAINT memberships_pkey PRIMARY KEY,
    club int NOT NULL,
    person int NOT NULL,
    since int
);

INSERT INTO memberships (club, person, since) SELECT g % 20, g, 2000 + g % 25 FROM generate_series(1, 1000) g;
