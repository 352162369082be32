-- Who is in which club says it all; the number goes with the next release.
CREATE UNIQUE INDEX CONCURRENTLY memberships_once ON memberships (club, person);
ALTER TABLE memberships DROP CONSTRAINT memberships_pkey,
    ADD CONSTRAINT memberships_once PRIMARY KEY USING INDEX memberships_once;
