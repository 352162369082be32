-- Orders can be refunded.
ALTER TYPE state ADD VALUE 'refunded';

CREATE OR REPLACE FUNCTION due(total numeric) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT round(total, 2)';

CREATE OR REPLACE VIEW unpaid AS SELECT id, total, due(total) AS due FROM orders WHERE state = 'open';

ALTER SEQUENCE orders_id_seq CACHE 20;

-- migrate-safe: undo DELETE FROM rates WHERE code = 'reduced';
INSERT INTO rates VALUES ('reduced', 7);
