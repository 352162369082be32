CREATE TABLE teams (id int PRIMARY KEY, name text NOT NULL);

CREATE TABLE members (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team int NOT NULL CONSTRAINT members_team_fkey REFERENCES teams,
    nick text CONSTRAINT members_nick_key UNIQUE,
    age int CONSTRAINT grown CHECK (age >= 18),
    city text
);
ALTER TABLE members ADD CONSTRAINT has_city CHECK (city <> '') NOT VALID;

INSERT INTO teams SELECT g, 'team ' || g FROM generate_series(1, 10) g;
INSERT INTO members (team, nick, age, city) SELECT 1 + g % 10, 'm' || g, 18 + g % 50, 'Ulm' FROM generate_series(1, 500) g;
