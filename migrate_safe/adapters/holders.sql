-- Transactions that hold or wait for locks on some relations and their partitions: all of pg_locks is visible to
-- every role, xact_start and names only with pg_read_all_stats. A prepared transaction has no pid, and is
-- known by the lock on its own transaction id. An autovacuum
-- worker has no user, which shows also where backend_type does not.
WITH RECURSIVE family AS (
    SELECT c.oid, c.oid AS root FROM pg_class AS c WHERE c.oid = ANY (%(tables)s::regclass[]::oid[])
    UNION
    SELECT i.inhrelid, f.root FROM pg_inherits AS i JOIN family AS f ON i.inhparent = f.oid
)
SELECT coalesce(l.virtualtransaction, '?'), l.pid, f.root::regclass::text, l.mode,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)) * 1000,
       coalesce(a.application_name, ''), coalesce(a.usename::text, p.owner::text, ''), coalesce(a.state, ''),
       a.pid IS NOT NULL AND a.usesysid IS NULL AND coalesce(a.backend_type, 'autovacuum worker') = 'autovacuum worker',
       coalesce(a.query LIKE '%%(to prevent wraparound)%%', false), coalesce(p.gid, '')
FROM pg_locks AS l
JOIN family AS f ON f.oid = l.relation
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
LEFT JOIN LATERAL (
    SELECT p.gid, p.owner, p.prepared FROM pg_locks AS x JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
    WHERE l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
        AND x.virtualtransaction = l.virtualtransaction
) AS p ON true
WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
