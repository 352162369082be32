-- The journal of migrate-safe, version 1. Every statement may run again without harm.
CREATE SCHEMA IF NOT EXISTS migrate_safe;

CREATE TABLE IF NOT EXISTS migrate_safe.meta (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version           integer NOT NULL,
    environment       text,
    system_identifier text,
    database_oid      oid NOT NULL,
    installed         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS migrate_safe.plan (
    name   text PRIMARY KEY,
    text   text NOT NULL,
    digest text NOT NULL,
    opened timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS migrate_safe.event (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan   text NOT NULL REFERENCES migrate_safe.plan,
    kind   text NOT NULL,
    step   text,
    token  bigint NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS event_plan_seq ON migrate_safe.event (plan, seq);
CREATE TABLE IF NOT EXISTS migrate_safe.lease (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    token       bigint NOT NULL,
    holder      text,
    host        text NOT NULL DEFAULT '',
    pid         integer NOT NULL DEFAULT 0,
    environment text,
    backends    integer[] NOT NULL DEFAULT '{}',
    acquired    timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS migrate_safe.progress (
    plan       text NOT NULL REFERENCES migrate_safe.plan,
    step       text NOT NULL,
    cursor     text[],
    rows_done  bigint NOT NULL,
    filled     bigint NOT NULL,
    rows_total bigint,
    updated    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan, step)
);
INSERT INTO migrate_safe.lease (token) VALUES (0) ON CONFLICT DO NOTHING;

-- FOR SHARE makes a takeover wait for our commit, and makes us see a takeover that came first.
CREATE OR REPLACE FUNCTION migrate_safe.fence(token_held bigint) RETURNS void LANGUAGE plpgsql AS $fence$
BEGIN
    PERFORM 1 FROM migrate_safe.lease AS l WHERE l.token = token_held AND l.holder IS NOT NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease with token % has passed to another executor', token_held
            USING ERRCODE = 'MS001';
    END IF;
END
$fence$;

CREATE OR REPLACE FUNCTION migrate_safe.record(
    token_held bigint, of_plan text, what text, of_step text, details jsonb
) RETURNS SETOF migrate_safe.event LANGUAGE plpgsql AS $record$
BEGIN
    PERFORM migrate_safe.fence(token_held);
    RETURN QUERY INSERT INTO migrate_safe.event AS e (plan, kind, step, token, detail)
        VALUES (of_plan, what, of_step, token_held, details) RETURNING e.*;
END
$record$;

CREATE OR REPLACE FUNCTION migrate_safe.advance(
    token_held bigint, of_plan text, of_step text, at_cursor text[],
    done_before bigint, passed bigint, changed bigint, total bigint
) RETURNS bigint LANGUAGE plpgsql AS $advance$
BEGIN
    PERFORM migrate_safe.fence(token_held);
    INSERT INTO migrate_safe.progress AS p (plan, step, cursor, rows_done, filled, rows_total)
        VALUES (of_plan, of_step, at_cursor, done_before + passed, changed, total)
        ON CONFLICT (plan, step) DO UPDATE SET cursor = excluded.cursor, rows_done = excluded.rows_done,
            filled = CASE WHEN done_before = 0 THEN 0 ELSE p.filled END + changed,
            rows_total = excluded.rows_total, updated = clock_timestamp();
    RETURN changed;
END
$advance$;
