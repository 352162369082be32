CREATE TYPE ticket_state AS ENUM ('open', 'waiting', 'closed');
CREATE TABLE tickets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state ticket_state NOT NULL DEFAULT 'open',
    subject text NOT NULL
);
CREATE INDEX tickets_by_state ON tickets (state);

INSERT INTO tickets (state, subject) SELECT (ARRAY['open', 'closed'])[1 + g % 2]::ticket_state, 'ticket ' || g
FROM generate_series(1, 500) g;
