-- What is said of objects beside their definition, for catalog_remarks.py: owners, grants, comments, storage,
-- publications, statistics objects, schemas. Each part begins with "-- part: NAME".

-- part: relations
SELECT n.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.relpersistence::text,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(c.relacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> c.relowner
    ) AS grants,
    pg_catalog.obj_description(c.oid, 'pg_class') AS comment, c.reloptions, t.reloptions AS toast_options,
    ts.spcname AS tablespace, am.amname AS access_method, c.relreplident::text AS identity,
    ix.clustered, ix.identifying
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN LATERAL (
    SELECT max(x.relname) FILTER (WHERE i.indisclustered) AS clustered,
        max(x.relname) FILTER (WHERE i.indisreplident) AS identifying
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid
) ix ON true
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {shown};

-- part: functions
SELECT n.nspname, c.proname, pg_catalog.oidvectortypes(c.proargtypes) AS arguments, c.prokind::text,
    pg_catalog.pg_get_userbyid(c.proowner) AS owner, pg_catalog.obj_description(c.oid, 'pg_proc') AS comment,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(coalesce(c.proacl, pg_catalog.acldefault('f', c.proowner))) x
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> c.proowner
    ) AS grants
FROM pg_catalog.pg_proc c JOIN pg_catalog.pg_namespace n ON n.oid = c.pronamespace
WHERE {schemas} AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = c.oid AND x.deptype = 'e'
);

-- part: types
SELECT n.nspname, c.typname, pg_catalog.pg_get_userbyid(c.typowner) AS owner,
    pg_catalog.obj_description(c.oid, 'pg_type') AS comment,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(coalesce(c.typacl, pg_catalog.acldefault('T', c.typowner))) x
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> c.typowner
    ) AS grants
FROM pg_catalog.pg_type c JOIN pg_catalog.pg_namespace n ON n.oid = c.typnamespace
LEFT JOIN pg_catalog.pg_class k ON k.oid = c.typrelid
WHERE (c.typtype IN ('d', 'e') OR c.typtype = 'c' AND k.relkind = 'c') AND {schemas} AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = c.oid AND x.deptype = 'e'
);

-- part: schemas
SELECT n.nspname AS name, pg_catalog.pg_get_userbyid(n.nspowner) AS owner,
    pg_catalog.obj_description(n.oid, 'pg_namespace') AS comment,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(n.nspacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> n.nspowner
    ) AS grants
FROM pg_catalog.pg_namespace n
WHERE {schemas} AND n.nspname NOT LIKE 'pg\_%%';

-- part: parts
SELECT 'constraints' AS field, n.nspname, c.relname, k.conname AS name, d.description
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_constraint k ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objoid
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown}
UNION ALL SELECT 'triggers', n.nspname, c.relname, t.tgname, d.description
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_trigger t ON d.classoid = 'pg_catalog.pg_trigger'::regclass AND t.oid = d.objoid
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown}
UNION ALL SELECT 'policies', n.nspname, c.relname, p.polname, d.description
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_policy p ON d.classoid = 'pg_catalog.pg_policy'::regclass AND p.oid = d.objoid
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown}
UNION ALL SELECT 'rules', n.nspname, c.relname, w.rulename, d.description
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_rewrite w ON d.classoid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = d.objoid
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown}
UNION ALL SELECT 'indexes', n.nspname, c.relname, x.relname, d.description
FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_class x ON d.classoid = 'pg_catalog.pg_class'::regclass AND x.oid = d.objoid
JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE d.objsubid = 0 AND {shown};

-- part: publications
SELECT p.pubname AS name, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
    {generated} AS generated, pg_catalog.pg_get_userbyid(p.pubowner) AS owner,
    pg_catalog.obj_description(p.oid, 'pg_publication') AS comment, {published_schemas} AS schemas
FROM pg_catalog.pg_publication p;

-- part: published
SELECT p.pubname, n.nspname, c.relname, {published_columns} AS columns, {published_rows} AS condition
FROM pg_catalog.pg_publication_rel x
JOIN pg_catalog.pg_publication p ON p.oid = x.prpubid
JOIN pg_catalog.pg_class c ON c.oid = x.prrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3;

-- part: subscriptions
SELECT s.subname AS name, s.subenabled, s.subpublications, s.subslotname AS slot, pg_catalog.pg_get_userbyid(s.subowner) AS owner,
    pg_catalog.obj_description(s.oid, 'pg_subscription') AS comment
FROM (
    SELECT oid, subname, subenabled, subpublications, subslotname, subowner FROM pg_catalog.pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
) s;

-- part: statistics
SELECT sn.nspname, s.stxname AS name, pg_catalog.pg_get_userbyid(s.stxowner) AS owner, n.nspname AS table_schema,
    c.relname AS table_name, {target} AS target, pg_catalog.obj_description(s.oid, 'pg_statistic_ext') AS comment,
    ARRAY(
        SELECT a.attname::text FROM unnest(s.stxkeys::int2[]) WITH ORDINALITY u(num, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = u.num
        ORDER BY u.place
    ) AS columns,
    ARRAY(SELECT k::text FROM unnest(s.stxkind) k WHERE k <> 'e' ORDER BY 1) AS kinds,
    coalesce(pg_catalog.array_length(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid), 1), 0) AS expressions
FROM pg_catalog.pg_statistic_ext s
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace
JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown};

-- part: extensions
SELECT x.extname AS name, NULL AS comment FROM pg_catalog.pg_extension x; -- which brings a comment of its own along

-- part: defaults
SELECT n.nspname AS place, d.defaclobjtype::text AS kind, pg_catalog.pg_get_userbyid(d.defaclrole) AS creator,
    ARRAY(
        SELECT ARRAY[x.privilege_type, coalesce(r.rolname, ''), x.is_grantable::text]
        FROM pg_catalog.aclexplode(d.defaclacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
        WHERE x.grantee <> d.defaclrole
    ) AS grants
FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace;
