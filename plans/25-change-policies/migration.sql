-- A note is its author's, unless it is shared.
CREATE POLICY own ON notes USING (author = CURRENT_USER);
ALTER POLICY everybody ON notes USING (shared);
DROP POLICY by_day ON notes;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
