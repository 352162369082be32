-- Objects that somebody may have left behind, for leftovers.py. Each part begins with "-- part: NAME" and gives
-- a name by which an open plan may claim it, what it is, and the statement that removes it or puts it right.

-- part: indexes
SELECT c.relname, format('index %s on %s is invalid: it costs every write and serves no query', c.oid::regclass,
        i.indrelid::regclass),
    CASE WHEN c.relkind = 'I' THEN format('attach an index of each partition to it, or DROP INDEX %s', c.oid::regclass)
        ELSE format('DROP INDEX CONCURRENTLY %s', c.oid::regclass) END
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready) AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid)
    AND NOT EXISTS (
        SELECT FROM pg_locks AS l WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.relation IN (c.oid, i.indrelid) AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
    )
ORDER BY 1;

-- part: functions
SELECT p.proname, CASE WHEN count(t.oid) = 0 THEN format('function %s serves no trigger and no open plan', p.oid::regprocedure)
        ELSE format('%s for a plan that is not open: trigger %s', p.oid::regprocedure,
            string_agg(format('%I on %s', t.tgname, t.tgrelid::regclass), ', ' ORDER BY t.tgname)) END,
    format('DROP FUNCTION %s', p.oid::regprocedure) || CASE WHEN count(t.oid) > 0 THEN ' CASCADE' ELSE '' END
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
LEFT JOIN pg_trigger AS t ON t.tgfoid = p.oid AND t.tgparentid = 0
WHERE n.nspname = 'migrate_safe' AND p.prorettype = 'trigger'::regtype
GROUP BY p.oid, p.proname
ORDER BY 1;

-- part: columns
SELECT a.attname, format('column %I of %s was retired by a plan that is not open', a.attname, c.oid::regclass),
    format('ALTER TABLE %s DROP COLUMN %I', c.oid::regclass, a.attname)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE a.attname LIKE '\_ms\_retired\_%' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1;

-- part: schemas
SELECT n.nspname, format('schema %I holds %s that a plan which is not open has retired', n.nspname,
        coalesce((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class AS c
            WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')), 'objects')),
    format('DROP SCHEMA %I CASCADE', n.nspname)
FROM pg_namespace AS n
WHERE n.nspname LIKE 'migrate\_safe\_retired\_%'
ORDER BY 1;

-- part: retired
SELECT c.relname, format('index %s was retired by a plan that is not open', c.oid::regclass),
    format('DROP INDEX %s%s', CASE WHEN c.relkind = 'i' THEN 'CONCURRENTLY ' END, c.oid::regclass)
FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE c.relname LIKE '\_ms\_retired\_%' AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname LIKE '\_ms\_retired\_%'
    ) AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
ORDER BY 1;

-- part: constraints
SELECT k.conname, format('constraint %I of %s is a helper of a plan that is not open', k.conname,
        k.conrelid::regclass),
    format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
FROM pg_constraint AS k
WHERE k.conname LIKE '\_ms\_%' AND k.conrelid <> 0 AND k.conparentid = 0 AND k.coninhcount = 0
ORDER BY 1;

-- part: unproven
SELECT k.conname, format('constraint %I of %s is NOT VALID: old rows may break it', k.conname, k.conrelid::regclass),
    format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.conrelid::regclass, k.conname)
FROM pg_constraint AS k
WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n') AND k.conrelid <> 0 AND k.conparentid = 0
    AND k.coninhcount = 0 AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AND k.conname NOT LIKE '\_ms\_%'
ORDER BY 1;

-- part: partitions
SELECT c.relname, format('partition %s is half-detached from %s: a concurrent detach was cut off', c.oid::regclass,
        h.inhparent::regclass),
    format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', h.inhparent::regclass, c.oid::regclass)
FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid
WHERE h.inhdetachpending
ORDER BY 1;

-- part: prepared
SELECT gid, format('prepared transaction %L is open since %s, and holds its locks until somebody ends it', gid,
        to_char(prepared, 'YYYY-MM-DD HH24:MI')),
    format('COMMIT PREPARED %L, or ROLLBACK PREPARED %L', gid, gid)
FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < now() - interval '10 minutes'
ORDER BY 1;

-- part: slots
SELECT slot_name, format('replication slot %I is not in use: what a backfill writes is kept for it until the disk is full',
        slot_name),
    format('let its reader go on, or SELECT pg_drop_replication_slot(%L)', slot_name)
FROM pg_replication_slots
WHERE NOT active AND NOT temporary AND restart_lsn IS NOT NULL
ORDER BY 1;
