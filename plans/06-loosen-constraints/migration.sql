-- Members need no team, may be younger, and may share a nick; what has_city says of old rows is proven.
ALTER TABLE members ALTER COLUMN team DROP NOT NULL;
ALTER TABLE members DROP CONSTRAINT grown;
ALTER TABLE members DROP CONSTRAINT members_nick_key;
ALTER TABLE members DROP CONSTRAINT members_team_fkey, ADD CONSTRAINT members_team_fkey
    FOREIGN KEY (team) REFERENCES teams ON DELETE SET NULL;
ALTER TABLE members VALIDATE CONSTRAINT has_city;
