-- No ticket waits any more.
CREATE TYPE ticket_condition AS ENUM ('open', 'closed');
ALTER TABLE tickets
    ALTER COLUMN state DROP DEFAULT,
    ALTER COLUMN state TYPE ticket_condition USING state::text::ticket_condition,
    ALTER COLUMN state SET DEFAULT 'open';
DROP TYPE ticket_state;
