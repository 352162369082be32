"""Which types, functions and collations every server brings along, by major; tests/truth holds this to the servers."""

from __future__ import annotations

import re

from migrate_safe.effects.builtin_functions import NOT_VOLATILE, VOLATILE

_TYPES = frozenset(
    """
    aclitem any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray
    anycompatiblerange anyelement anyenum anymultirange anynonarray anyrange bit bool box bpchar bytea char cid cidr
    circle cstring date datemultirange daterange event_trigger fdw_handler float4 float8 gtsvector index_am_handler
    inet int2 int2vector int4 int4multirange int4range int8 int8multirange int8range internal interval json jsonb
    jsonpath language_handler line lseg macaddr macaddr8 money name numeric nummultirange numrange oid oidvector path
    point polygon record refcursor regclass regcollation regconfig regdictionary regnamespace regoper regoperator
    regproc regprocedure regrole regtype serial serial2 serial4 serial8 smallserial bigserial table_am_handler text
    tid time timestamp timestamptz timetz trigger tsm_handler tsmultirange tsquery tsrange tstzmultirange tstzrange
    tsvector txid_snapshot unknown uuid varbit varchar void xid xid8 xml
    """.split()
)
_OTHER_FUNCTIONS = frozenset(
    """
    bernoulli bound_box datetime_pl datetimetz_pl dcbrt dpow dsqrt flt4_mul_cash flt8_mul_cash heap_tableam_handler
    in_range integer_pl_date jsonpath_in jsonpath_out jsonpath_recv jsonpath_send lo_close lo_creat lo_create lo_export
    lo_from_bytea lo_get lo_import lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate lo_truncate64
    lo_unlink mul_d_interval numerictypmodin numerictypmodout postgresql_fdw_validator raw_array_subscript_handler
    suppress_redundant_updates_trigger system txid_snapshot_in txid_snapshot_out txid_snapshot_recv txid_snapshot_send
    unique_key_recheck utf8_to_gb18030 utf8_to_gbk utf8_to_johab utf8_to_uhc
    """.split()
)
_FROM_WITHIN = re.compile(
    "(pg_|RI_|bt|brin|gin|gist|gts|spg|hash|ts_|tt_|tsq|tsv|tsm|jsonb_|json_|range_|multirange_|array|any|bpchar|text"
    "|int2|int4|int8|float4|float8|date_|time|inet|network_|mac|numeric_|name|oid|xid|bit|bytea|bool|box|circle|poly"
    "|path|point|line|lseg|cash|char|enum_|record_|reg|dist_|on_|close_|xml|interval|window_|binary_upgrade_|dispell_"
    "|dsimple_|dsnowball_|dsynonym_|thesaurus_|prsd_|percentile_|plpgsql_|fmgr_|has_|inter_|string_agg_|elem_contained_"
    "|varbit|tid|cid|ordered_set_|pt_contained_|acl|void_|domain_|trigger_|event_trigger_|varchar|cstring_|shell_"
    "|internal_|like_|unknown|fdw_handler|index_am|table_am|language_handler|uuid_(?!generate))"
    "|.*(sel|_support|_final|_canonical|_subdiff)$|.*_to_(utf8|xml|euc|mic|big5|sjis|shift|win|latin|iso|koi8)"
)
"""How the functions begin or end that serve the server from within: so many that a name like theirs may be one."""
_HOSTED = re.compile("(aurora|apg|rds|aws|google|alloydb|azure|neon|supabase)_")
"""How functions begin that hosted servers bring along without an extension."""
_SINCE = {
    15: "pg_database_collation_actual_version pg_ident_file_mappings pg_settings_get_flags"
    " pg_stop_making_pinned_objects regexp_count regexp_instr regexp_like regexp_substr",
    16: "any_value array_sample array_shuffle date_add date_subtract erf erfc json_agg_strict json_object_agg_strict"
    " json_object_agg_unique json_object_agg_unique_strict jsonb_agg_strict jsonb_object_agg_strict"
    " jsonb_object_agg_unique jsonb_object_agg_unique_strict pg_input_error_info pg_input_is_valid"
    " pg_log_standby_snapshot pg_split_walfile_name random_normal system_user",
    17: "icu_unicode_version jsonb_populate_record_valid pg_available_wal_summaries pg_basetype"
    " pg_column_toast_chunk_id pg_get_wait_events pg_sync_replication_slots to_bin to_oct to_regtypemod"
    " unicode_assigned unicode_version uuid_extract_timestamp uuid_extract_version xmltext",
    18: "array_reverse array_sort bytea casefold crc32 crc32c gamma hashbool hashboolextended hashbytea"
    " hashbyteaextended hashcid hashcidextended hashdate hashdateextended hashxid hashxid8 hashxid8extended"
    " hashxidextended lgamma pg_clear_attribute_stats pg_clear_relation_stats pg_get_acl pg_get_aios"
    " pg_get_loaded_modules pg_get_sequence_data pg_get_shmem_allocations_numa pg_numa_available"
    " pg_restore_attribute_stats pg_restore_relation_stats pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone uuidv4"
    " uuidv7",
}
_UNTIL = {
    15: "pg_is_in_backup pg_start_backup pg_stop_backup",
    17: "interval_combine pg_read_file_old pg_rotate_logfile_old",
    18: "pg_timezone_abbrevs",
}
_CAME = {name: major for major, names in _SINCE.items() for name in names.split()}
_WENT = {name: major for major, names in _UNTIL.items() for name in names.split()}

_LOCALE = re.compile(r"[a-z]{2,3}(_.*)?\Z|pg_")
_LOCALES = frozenset(
    """
    bokmal catalan croatian czech danish dansk default deutsch dutch eesti estonian finnish french galego galician
    german greek hebrew hrvatski hungarian icelandic italian japanese korean lithuanian norwegian nynorsk polish
    portuguese romanian russian slovak slovene slovenian spanish swedish thai turkish ucs_basic unicode
    """.split()
)
"""Collations of the server, and the words that some operating systems have for locales."""
_PLAIN_WORD = re.compile(r"[a-z0-9_]+\Z")


def may_be_builtin_type(name: str) -> bool:
    """Say whether pg_catalog may have a type of that name: its relations and arrays are types, too."""
    return name in _TYPES or name.startswith(("pg_", "_"))


def may_be_builtin_function(name: str, major: int) -> bool:
    """Say whether pg_catalog may have a function of that name in a major version."""
    if name in NOT_VOLATILE or name in VOLATILE:
        return _CAME.get(name, 0) <= major < _WENT.get(name, major + 1)
    return name in _OTHER_FUNCTIONS or _FROM_WITHIN.match(name) is not None or _HOSTED.match(name) is not None


def may_be_builtin_collation(name: str) -> bool:
    """Say whether pg_catalog may have a collation of that name: most come from the operating system and ICU."""
    return name in _LOCALES or _LOCALE.match(name) is not None or _PLAIN_WORD.match(name) is None
