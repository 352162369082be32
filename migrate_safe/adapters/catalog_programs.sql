-- What acts when rows are read or written, and what is called, for catalog_programs.py. Each part: "-- part: NAME".

-- part: functions
SELECT n.nspname, p.proname, p.prokind::text, pg_catalog.oidvectortypes(p.proargtypes) AS arguments, p.proparallel::text,
    CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END AS definition,
    CASE WHEN p.prokind = 'a' THEN pg_catalog.pg_get_function_arguments(p.oid) END AS aggregated,
    EXISTS (
        SELECT FROM pg_catalog.pg_depend x
        WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
    ) AS of_extension,
    pg_catalog.pg_get_userbyid(p.proowner) AS owner,
    CASE WHEN p.prokind = 'a' THEN ARRAY[
        ['sfunc', a.aggtransfn::text], ['finalfunc', a.aggfinalfn::text], ['combinefunc', a.aggcombinefn::text],
        ['serialfunc', a.aggserialfn::text], ['deserialfunc', a.aggdeserialfn::text],
        ['msfunc', a.aggmtransfn::text], ['minvfunc', a.aggminvtransfn::text], ['mfinalfunc', a.aggmfinalfn::text],
        ['stype', pg_catalog.format_type(a.aggtranstype, NULL)],
        ['mstype', CASE WHEN a.aggmtranstype <> 0 THEN pg_catalog.format_type(a.aggmtranstype, NULL) END],
        ['initcond', a.agginitval], ['minitcond', a.aggminitval]
    ] END AS parts
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
WHERE {schemas} AND NOT EXISTS (
    -- the constructors of a range type are a part of it
    SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'i'
)
ORDER BY n.nspname, p.proname, arguments;

-- part: triggers
SELECT t.tgrelid, pg_catalog.pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text, t.tgparentid <> 0 AS inherited,
    pn.nspname AS function_schema, p.proname
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
WHERE (NOT t.tgisinternal OR t.tgparentid <> 0 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = t.tgconstraint AND k.contype <> 't'
    )) AND c.relkind IN ('r', 'p', 'f', 'v') AND {shown}
ORDER BY t.tgrelid, t.oid;

-- part: rules
SELECT w.ev_class, pg_catalog.pg_get_ruledef(w.oid) AS definition, w.ev_enabled::text
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE w.rulename <> '_RETURN' AND {shown}
ORDER BY w.ev_class, w.rulename;

-- part: policies
SELECT y.polrelid, y.polname, y.polcmd::text, y.polpermissive,
    ARRAY(
        SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.oid = ANY (y.polroles) ORDER BY r.rolname
    ) AS roles,
    pg_catalog.pg_get_expr(y.polqual, y.polrelid) AS using_text,
    pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid) AS check_text
FROM pg_catalog.pg_policy y
JOIN pg_catalog.pg_class c ON c.oid = y.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {shown}
ORDER BY y.polrelid, y.polname;

-- part: program_things
WITH named AS NOT MATERIALIZED (
    SELECT p.oid, CASE WHEN n.nspname <> 'pg_catalog' THEN pg_catalog.quote_ident(n.nspname) || '.' ELSE '' END
        || pg_catalog.quote_ident(p.proname) AS name
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
), typed AS NOT MATERIALIZED (
    SELECT t.oid, CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.format_type(t.oid, NULL)
        ELSE pg_catalog.regexp_replace(pg_catalog.format_type(t.oid, NULL), '^[^."]+\.', '') END AS name
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
), all_things AS (
    SELECT 'event trigger' AS kind, NULL::oid AS namespace, e.evtname::text AS name, e.oid,
        'pg_catalog.pg_event_trigger'::regclass AS class, ARRAY[
            ['event', e.evtevent::text], ['enabled', e.evtenabled::text], ['function', f.name],
            ['tags', (SELECT pg_catalog.string_agg(tag, ', ' ORDER BY tag) FROM pg_catalog.unnest(e.evttags) tag)]
        ] AS facts
    FROM pg_catalog.pg_event_trigger e JOIN named f ON f.oid = e.evtfoid
    UNION ALL
    SELECT 'operator', o.oprnamespace,
        o.oprname || '(' || coalesce(l.name, 'NONE') || ',' || coalesce(r.name, 'NONE') || ')', o.oid,
        'pg_catalog.pg_operator'::regclass, ARRAY[['function', f.name], ['restrict', s.name], ['join', j.name]]
    FROM pg_catalog.pg_operator o
    JOIN named f ON f.oid = o.oprcode
    LEFT JOIN typed l ON l.oid = o.oprleft LEFT JOIN typed r ON r.oid = o.oprright
    LEFT JOIN named s ON s.oid = o.oprrest LEFT JOIN named j ON j.oid = o.oprjoin
    UNION ALL
    SELECT 'operator class', o.opcnamespace, o.opcname || ' using ' || m.amname, o.oid,
        'pg_catalog.pg_opclass'::regclass, ARRAY[
            ['type', t.name], ['default', o.opcdefault::text],
            ['family', pg_catalog.format('%I.%I', fn.nspname, y.opfname || ' using ' || m.amname)]
        ]
    FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod JOIN typed t ON t.oid = o.opcintype
    JOIN pg_catalog.pg_opfamily y ON y.oid = o.opcfamily JOIN pg_catalog.pg_namespace fn ON fn.oid = y.opfnamespace
    UNION ALL
    SELECT 'operator family', y.opfnamespace, y.opfname || ' using ' || m.amname, y.oid,
        'pg_catalog.pg_opfamily'::regclass, NULL
    FROM pg_catalog.pg_opfamily y JOIN pg_catalog.pg_am m ON m.oid = y.opfmethod
    UNION ALL
    SELECT 'cast', NULL, s.name || ' as ' || t.name, c.oid, 'pg_catalog.pg_cast'::regclass, ARRAY[
        ['context', CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END],
        ['method', CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'inout' ELSE 'binary' END],
        ['function', f.name]
    ]
    FROM pg_catalog.pg_cast c JOIN typed s ON s.oid = c.castsource JOIN typed t ON t.oid = c.casttarget
    LEFT JOIN named f ON f.oid = c.castfunc
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend x
        WHERE x.classid = 'pg_catalog.pg_cast'::regclass AND x.objid = c.oid AND x.deptype = 'i'
    )
    UNION ALL
    SELECT 'conversion', c.connamespace, c.conname, c.oid, 'pg_catalog.pg_conversion'::regclass, ARRAY[
        ['from', pg_catalog.pg_encoding_to_char(c.conforencoding)::text],
        ['to', pg_catalog.pg_encoding_to_char(c.contoencoding)::text],
        ['default', c.condefault::text], ['function', f.name]
    ]
    FROM pg_catalog.pg_conversion c JOIN named f ON f.oid = c.conproc
    UNION ALL
    SELECT 'language', NULL, l.lanname, l.oid, 'pg_catalog.pg_language'::regclass, ARRAY[
        ['handler', h.name], ['inline', i.name], ['validator', v.name], ['trusted', l.lanpltrusted::text]
    ]
    FROM pg_catalog.pg_language l LEFT JOIN named h ON h.oid = l.lanplcallfoid
    LEFT JOIN named i ON i.oid = l.laninline LEFT JOIN named v ON v.oid = l.lanvalidator
    UNION ALL
    SELECT 'transform', NULL, t.name || ' language ' || l.lanname, x.oid, 'pg_catalog.pg_transform'::regclass,
        ARRAY[['from', f.name], ['to', o.name]]
    FROM pg_catalog.pg_transform x JOIN typed t ON t.oid = x.trftype JOIN pg_catalog.pg_language l ON l.oid = x.trflang
    LEFT JOIN named f ON f.oid = x.trffromsql LEFT JOIN named o ON o.oid = x.trftosql
    UNION ALL
    SELECT 'access method', NULL, m.amname, m.oid, 'pg_catalog.pg_am'::regclass,
        ARRAY[['handler', f.name], ['type', CASE m.amtype WHEN 'i' THEN 'index' ELSE 'table' END]]
    FROM pg_catalog.pg_am m JOIN named f ON f.oid = m.amhandler
    UNION ALL
    SELECT 'collation', c.collnamespace, c.collname, c.oid, 'pg_catalog.pg_collation'::regclass, ARRAY[
        ['deterministic', c.collisdeterministic::text],
        ['provider', CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END]
    ]
    FROM pg_catalog.pg_collation c
    UNION ALL
    SELECT 'text search configuration', c.cfgnamespace, c.cfgname, c.oid, 'pg_catalog.pg_ts_config'::regclass,
        ARRAY[['parser', p.prsname::text]]
    FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
    UNION ALL
    SELECT 'text search dictionary', d.dictnamespace, d.dictname, d.oid, 'pg_catalog.pg_ts_dict'::regclass,
        ARRAY[['template', t.tmplname::text], ['options', d.dictinitoption]]
    FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate
    UNION ALL
    SELECT 'text search parser', p.prsnamespace, p.prsname, p.oid, 'pg_catalog.pg_ts_parser'::regclass, ARRAY[
        ['start', a.name], ['gettoken', b.name], ['end', c.name], ['lextypes', d.name], ['headline', e.name]
    ]
    FROM pg_catalog.pg_ts_parser p LEFT JOIN named a ON a.oid = p.prsstart LEFT JOIN named b ON b.oid = p.prstoken
    LEFT JOIN named c ON c.oid = p.prsend LEFT JOIN named d ON d.oid = p.prslextype
    LEFT JOIN named e ON e.oid = p.prsheadline
    UNION ALL
    SELECT 'text search template', t.tmplnamespace, t.tmplname, t.oid, 'pg_catalog.pg_ts_template'::regclass,
        ARRAY[['init', i.name], ['lexize', l.name]]
    FROM pg_catalog.pg_ts_template t LEFT JOIN named i ON i.oid = t.tmplinit LEFT JOIN named l ON l.oid = t.tmpllexize
)
SELECT a.kind, n.nspname, a.name, a.facts
FROM all_things a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.namespace
WHERE a.oid >= 16384 AND (n.oid IS NULL OR {schemas})
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend x WHERE x.classid = a.class AND x.objid = a.oid AND x.deptype = 'e'
    )
ORDER BY 1, 2, 3;
