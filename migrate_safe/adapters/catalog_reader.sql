-- What a database contains, in a few queries, for catalog_reader.py. Each part begins with "-- part: NAME".
-- Sizes are pg_class estimates: asking for real sizes would wait behind an ACCESS EXCLUSIVE lock.

-- part: tables
WITH shown AS (
    SELECT n.nspname, c.*
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND {shown}
)
SELECT c.oid, c.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relrowsecurity,
    c.relforcerowsecurity,
    CASE WHEN c.relkind = 'p' THEN NULL
        WHEN c.reltuples < 0 THEN pg_catalog.pg_stat_get_live_tuples(c.oid)
        ELSE greatest(c.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(c.oid)) END AS rows,
    CASE WHEN c.relpages > 0 OR (c.reltuples = 0 AND pg_catalog.pg_stat_get_live_tuples(c.oid) = 0)
        THEN c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint END AS bytes,
    pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
    pg_catalog.pg_get_partkeydef(c.oid) AS partition_key,
    (
        SELECT ARRAY[yn.nspname::text, y.typname::text] FROM pg_catalog.pg_type y
        JOIN pg_catalog.pg_namespace yn ON yn.oid = y.typnamespace WHERE y.oid = c.reloftype
    ) AS of_type,
    (
        SELECT s.srvname FROM pg_catalog.pg_foreign_table f
        JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid
    ) AS server,
    CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
    ARRAY(
        SELECT ARRAY[pn.nspname::text, p.relname::text]
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE i.inhrelid = c.oid AND NOT i.inhdetachpending
        ORDER BY i.inhseqno
    ) AS parents,
    (
        SELECT ARRAY[pn.nspname::text, p.relname::text]
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE i.inhrelid = c.oid AND i.inhdetachpending
    ) AS detaching
FROM shown c
ORDER BY c.nspname, c.relname;

-- part: columns
SELECT a.attrelid, a.attname, a.attnotnull, a.attislocal, a.attidentity::text, a.attgenerated::text,
    tn.nspname AS type_schema, t.typname, t.typcategory = 'A' AND t.typelem <> 0 AS is_array,
    en.nspname AS element_schema, e.typname AS element_name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS spelled,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend x
        WHERE x.classid = 'pg_catalog.pg_type'::regclass AND x.deptype = 'e'
            AND x.objid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
    ) AS of_extension,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default_text,
    CASE WHEN a.attcollation <> t.typcollation THEN ARRAY[cn.nspname::text, co.collname::text] END AS collation,
    pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(a.attacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        ORDER BY 1
    ) AS grants,
    CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END AS statistics,
    CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END AS storage,
    a.attcompression::text AS compression, a.attoptions AS options
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND {shown}
ORDER BY a.attrelid, a.attnum;

-- part: constraints
SELECT k.conrelid, k.conname, k.contype::text, k.convalidated, k.condeferrable, k.condeferred, k.connoinherit,
    {enforced} AS enforced, {period} AS period, k.conislocal,
    ARRAY(
        SELECT o.oprname::text FROM unnest(k.conexclop) WITH ORDINALITY u(num, place)
        JOIN pg_catalog.pg_operator o ON o.oid = u.num
        ORDER BY u.place
    ) AS operators,
    ARRAY(
        SELECT a.attname::text FROM unnest({cleared}) WITH ORDINALITY u(num, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num
        ORDER BY u.place
    ) AS cleared,
    pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS check_text,
    pg_catalog.pg_get_constraintdef(k.oid) AS definition,
    ARRAY(
        SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(num, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num
        ORDER BY u.place
    ) AS columns,
    fn.nspname AS far_schema, f.relname AS far_table,
    ARRAY(
        SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(num, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num
        ORDER BY u.place
    ) AS far_columns,
    k.confdeltype::text, k.confupdtype::text, k.confmatchtype::text
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
LEFT JOIN pg_catalog.pg_constraint above ON above.oid = k.conparentid
WHERE k.contype IN ('c', 'f', 'n', 'p', 'u', 'x') AND above.conrelid IS DISTINCT FROM k.conrelid AND {shown}
ORDER BY k.conrelid, k.oid;

-- part: indexes
SELECT i.indrelid, x.relname, am.amname, i.indisunique, i.indisvalid, {nulls_not_distinct} AS nulls_not_distinct,
    i.indnkeyatts, k.conname AS owner, x.reloptions, ts.spcname AS tablespace,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
    (
        SELECT ARRAY[an.nspname::text, above.relname::text]
        FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class above ON above.oid = h.inhparent
        JOIN pg_catalog.pg_namespace an ON an.oid = above.relnamespace WHERE h.inhrelid = i.indexrelid
    ) AS parent,
    ARRAY(
        SELECT ARRAY[a.attnum::int, a.attstattarget::int] FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum
    ) AS statistics,
    (
        SELECT pg_catalog.json_agg(
            pg_catalog.json_build_object(
                'column', a.attname,
                'expression', CASE WHEN num = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, place::int, true) END,
                'option', i.indoption[place - 1],
                'opclass', CASE WHEN NOT o.opcdefault OR ia.attoptions IS NOT NULL THEN o.opcname END,
                'parameters', ia.attoptions,
                'collation', CASE WHEN co.oid <> COALESCE(a.attcollation, ty.typcollation) THEN co.collname END
            ) ORDER BY place
        )
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(num, place)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num AND u.num > 0
        LEFT JOIN pg_catalog.pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum = u.place
        LEFT JOIN pg_catalog.pg_type ty ON ty.oid = ia.atttypid
        LEFT JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[place - 1]
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = i.indcollation[place - 1]
    ) AS keys
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = x.relam
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = x.reltablespace
LEFT JOIN pg_catalog.pg_constraint k
    ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE c.relkind IN ('r', 'p', 'm') AND {shown}
ORDER BY i.indrelid, x.oid;

-- part: views
SELECT c.oid, n.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_viewdef(c.oid) AS definition, c.relispopulated,
    c.reloptions,
    ARRAY(
        SELECT DISTINCT ARRAY[bn.nspname::text, b.relname::text, coalesce(a.attname::text, '')]
        FROM pg_catalog.pg_rewrite w
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
        JOIN pg_catalog.pg_class b ON b.oid = d.refobjid AND b.oid <> c.oid
        JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
        WHERE w.ev_class = c.oid AND w.rulename = '_RETURN'
    ) AS parts
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND {shown}
ORDER BY n.nspname, c.relname;

-- part: sequences
SELECT n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL) AS type,
    s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.seqcache, c.relpersistence::text,
    tn.nspname AS owner_schema, t.relname AS owner_table, a.attname AS owner_column
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE {shown}
ORDER BY d.deptype = 'i' NULLS FIRST, n.nspname, c.relname;

-- part: types
SELECT n.nspname, c.typname, c.typtype::text, c.typisdefined,
    ARRAY(
        SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = c.oid ORDER BY e.enumsortorder
    ) AS labels,
    bn.nspname AS type_schema, b.typname, b.typcategory = 'A' AND b.typelem <> 0 AS is_array,
    en.nspname AS element_schema, e.typname AS element_name,
    pg_catalog.format_type(b.oid, c.typtypmod) AS spelled, false AS of_extension,
    c.typname AS name, c.typnotnull, c.typdefault,
    CASE WHEN c.typtype = 'd' AND c.typcollation <> b.typcollation THEN
        (SELECT ARRAY[cn.nspname::text, co.collname::text] FROM pg_catalog.pg_collation co
        JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = c.typcollation)
    END AS collation,
    CASE WHEN c.typtype IN ('r', 'm') THEN pg_catalog.format_type(b.oid, NULL) END AS over,
    ARRAY(
        SELECT pg_catalog.json_build_object(
            'name', k.conname, 'check', pg_catalog.pg_get_expr(k.conbin, 0), 'validated', k.convalidated
        )
        FROM pg_catalog.pg_constraint k WHERE k.contypid = c.oid ORDER BY k.oid
    ) AS constraints
FROM pg_catalog.pg_type c
JOIN pg_catalog.pg_namespace n ON n.oid = c.typnamespace
LEFT JOIN pg_catalog.pg_range r ON c.oid IN (r.rngtypid, r.rngmultitypid)
LEFT JOIN pg_catalog.pg_type b ON b.oid = CASE c.typtype
    WHEN 'd' THEN c.typbasetype WHEN 'r' THEN r.rngsubtype WHEN 'm' THEN r.rngtypid END
LEFT JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = b.typelem
LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
WHERE NOT (c.typcategory = 'A' AND c.typtype = 'b') AND c.typtype IN ('b', 'd', 'e', 'm', 'p', 'r') AND {schemas} AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = c.oid AND x.deptype = 'e'
)
ORDER BY n.nspname, c.typname;

-- part: composites
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'c' AND {shown}
ORDER BY n.nspname, c.relname;

-- part: things
SELECT 'extension' AS kind, NULL AS nspname, x.extname AS name FROM pg_catalog.pg_extension x
UNION ALL SELECT 'statistics', n.nspname, s.stxname
FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {shown}
UNION ALL SELECT 'publication', NULL, p.pubname FROM pg_catalog.pg_publication p
ORDER BY 1, 2, 3;

-- part: foreign
SELECT 'foreign data wrapper' AS kind, NULL AS nspname, w.fdwname AS name, NULL AS wrapper, NULL AS type, NULL AS version,
    CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::pg_catalog.regproc::text END AS handler, w.fdwoptions AS options
FROM pg_catalog.pg_foreign_data_wrapper w
UNION ALL SELECT 'server', NULL, s.srvname, w.fdwname, s.srvtype, s.srvversion, NULL, s.srvoptions
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL SELECT 'user mapping', m.srvname, CASE WHEN m.umuser = 0 THEN '' ELSE m.usename END,
    NULL, NULL, NULL, NULL, m.umoptions
FROM pg_catalog.pg_user_mappings m
ORDER BY 1, 2, 3;
