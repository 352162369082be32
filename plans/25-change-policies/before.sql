CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL DEFAULT CURRENT_USER,
    shared boolean NOT NULL DEFAULT false,
    body text NOT NULL
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON notes USING (true);
CREATE POLICY by_day ON notes AS RESTRICTIVE FOR DELETE USING (extract(hour FROM now()) < 25);
COMMENT ON POLICY everybody ON notes IS 'for a start';

INSERT INTO notes (body) SELECT 'note ' || g FROM generate_series(1, 200) g;
