"""The settings of a server by name, and which values they take; tests/truth compares them with pg_settings."""

from __future__ import annotations

import re

from migrate_safe.effects.combine import Scene
from migrate_safe.model.statement import Action, Other, SetVariable

_FIXED = frozenset(
    """
    allow_alter_system archive_cleanup_command archive_command archive_library archive_mode archive_timeout
    authentication_timeout autovacuum autovacuum_analyze_scale_factor autovacuum_analyze_threshold
    autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age autovacuum_naptime
    autovacuum_vacuum_cost_delay autovacuum_vacuum_cost_limit autovacuum_vacuum_insert_scale_factor
    autovacuum_vacuum_insert_threshold autovacuum_vacuum_max_threshold autovacuum_vacuum_scale_factor
    autovacuum_vacuum_threshold autovacuum_work_mem autovacuum_worker_slots bgwriter_delay bgwriter_flush_after
    bgwriter_lru_maxpages bgwriter_lru_multiplier block_size bonjour bonjour_name checkpoint_completion_target
    checkpoint_flush_after checkpoint_timeout checkpoint_warning cluster_name commit_timestamp_buffers config_file
    data_checksums data_directory data_directory_mode data_sync_retry db_user_namespace debug_assertions
    debug_io_direct dynamic_shared_memory_type event_source external_pid_file file_extend_method fsync
    full_page_writes gss_accept_delegation hba_file hot_standby hot_standby_feedback huge_page_size huge_pages
    huge_pages_status ident_file idle_replication_slot_timeout ignore_invalid_pages ignore_system_indexes
    in_hot_standby integer_datetimes io_max_combine_limit io_max_concurrency io_method io_workers is_superuser
    jit_debugging_support jit_profiling_support jit_provider krb_caseins_users krb_server_keyfile lc_collate
    lc_ctype listen_addresses log_autovacuum_min_duration log_checkpoints log_connections log_destination
    log_directory log_disconnections log_file_mode log_filename log_hostname log_line_prefix
    log_recovery_conflict_waits log_rotation_age log_rotation_size log_startup_progress_interval log_timezone
    log_truncate_on_rotation logging_collector max_active_replication_origins max_connections max_files_per_process
    max_function_args max_identifier_length max_index_keys max_locks_per_transaction max_logical_replication_workers
    max_notify_queue_pages max_parallel_apply_workers_per_subscription max_pred_locks_per_page
    max_pred_locks_per_relation max_pred_locks_per_transaction max_prepared_transactions max_replication_slots
    max_slot_wal_keep_size max_standby_archive_delay max_standby_streaming_delay max_sync_workers_per_subscription
    max_wal_senders max_wal_size max_worker_processes min_dynamic_shared_memory min_wal_size
    multixact_member_buffers multixact_offset_buffers notify_buffers num_os_semaphores oauth_validator_libraries
    old_snapshot_threshold port post_auth_delay pre_auth_delay primary_conninfo primary_slot_name
    promote_trigger_file recovery_end_command recovery_init_sync_method recovery_min_apply_delay recovery_prefetch
    recovery_target recovery_target_action recovery_target_inclusive recovery_target_lsn recovery_target_name
    recovery_target_time recovery_target_timeline recovery_target_xid remove_temp_files_after_crash
    reserved_connections restart_after_crash restore_command segment_size send_abort_for_crash send_abort_for_kill
    serializable_buffers server_encoding server_version server_version_num shared_buffers shared_memory_size
    shared_memory_size_in_huge_pages shared_memory_type shared_preload_libraries ssl ssl_ca_file ssl_cert_file
    ssl_ciphers ssl_crl_dir ssl_crl_file ssl_dh_params_file ssl_ecdh_curve ssl_groups ssl_key_file ssl_library
    ssl_max_protocol_version ssl_min_protocol_version ssl_passphrase_command ssl_passphrase_command_supports_reload
    ssl_prefer_server_ciphers ssl_tls13_ciphers stats_temp_directory subtransaction_buffers summarize_wal
    superuser_reserved_connections sync_replication_slots synchronized_standby_slots synchronous_standby_names
    syslog_facility syslog_ident syslog_sequence_numbers syslog_split_messages trace_connection_negotiation
    trace_recovery_messages track_activity_query_size track_commit_timestamp transaction_buffers
    unix_socket_directories unix_socket_group unix_socket_permissions vacuum_defer_cleanup_age wal_block_size
    wal_buffers wal_decode_buffer_size wal_keep_size wal_level wal_log_hints wal_receiver_create_temp_slot
    wal_receiver_status_interval wal_receiver_timeout wal_retrieve_retry_interval wal_segment_size
    wal_summary_keep_time wal_sync_method wal_writer_delay wal_writer_flush_after
    """.split()
)
"""Those that no session can set: the server's own, those of its files, and those of the start of a session."""
_SWITCHES = frozenset(
    """
    allow_in_place_tablespaces allow_system_table_mods array_nulls check_function_bodies debug_pretty_print
    debug_print_parse debug_print_plan debug_print_rewritten default_transaction_deferrable
    default_transaction_read_only enable_async_append enable_bitmapscan enable_distinct_reordering
    enable_gathermerge enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort
    enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
    enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
    enable_partitionwise_join enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort
    enable_tidscan escape_string_warning event_triggers exit_on_error geqo ignore_checksum_failure jit
    jit_dump_bitcode jit_expressions jit_tuple_deforming lo_compat_privileges log_duration log_executor_stats
    log_lock_failures log_lock_waits log_parser_stats log_planner_stats log_replication_commands log_statement_stats
    md5_password_warnings parallel_leader_participation quote_all_identifiers row_security
    standard_conforming_strings synchronize_seqscans trace_notify trace_sort track_activities
    track_cost_delay_timing track_counts track_io_timing track_wal_io_timing transaction_deferrable
    transaction_read_only transform_null_equals update_process_title vacuum_truncate wal_init_zero wal_recycle
    zero_damaged_pages
    """.split()
)
_TIMES = frozenset(
    """
    client_connection_check_interval deadlock_timeout idle_in_transaction_session_timeout idle_session_timeout
    lock_timeout log_min_duration_sample log_min_duration_statement statement_timeout tcp_keepalives_idle
    tcp_keepalives_interval tcp_user_timeout transaction_timeout vacuum_cost_delay wal_sender_timeout
    """.split()
)
_SIZES = frozenset(
    """
    backend_flush_after effective_cache_size gin_pending_list_limit io_combine_limit log_parameter_max_length
    log_parameter_max_length_on_error log_temp_files logical_decoding_work_mem maintenance_work_mem max_stack_depth
    min_parallel_index_scan_size min_parallel_table_scan_size temp_buffers temp_file_limit vacuum_buffer_usage_limit
    wal_skip_threshold work_mem
    """.split()
)
_NUMBERS = frozenset(
    """
    commit_delay commit_siblings cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction
    debug_discard_caches default_statistics_target effective_io_concurrency extra_float_digits from_collapse_limit
    geqo_effort geqo_generations geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold gin_fuzzy_search_limit
    hash_mem_multiplier jit_above_cost jit_inline_above_cost jit_optimize_above_cost join_collapse_limit
    log_statement_sample_rate log_transaction_sample_rate maintenance_io_concurrency
    max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather parallel_setup_cost
    parallel_tuple_cost random_page_cost recursive_worktable_factor scram_iterations seed seq_page_cost
    tcp_keepalives_count vacuum_cost_limit vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss
    vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age vacuum_max_eager_freeze_failure_rate
    vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age vacuum_multixact_freeze_table_age
    """.split()
)
_OTHERS = frozenset(
    """
    datestyle intervalstyle timezone application_name backslash_quote backtrace_functions bytea_output
    client_encoding client_min_messages compute_query_id constraint_exclusion createrole_self_grant
    debug_logical_replication_streaming debug_parallel_query default_table_access_method default_tablespace
    default_text_search_config default_toast_compression default_transaction_isolation dynamic_library_path
    extension_control_path file_copy_method force_parallel_mode icu_validation_level lc_messages lc_monetary
    lc_numeric lc_time local_preload_libraries log_error_verbosity log_min_error_statement log_min_messages
    log_statement output_plugin_libraries password_encryption plan_cache_mode restrict_nonsystem_relation_kind role
    search_path session_authorization session_preload_libraries session_replication_role stats_fetch_consistency
    synchronous_commit temp_tablespaces timezone_abbreviations track_functions transaction_isolation wal_compression
    wal_consistency_checking xmlbinary xmloption
    """.split()
)
"""Texts, and words of a list."""
_SINCE = {
    15: "archive_library log_startup_progress_interval recovery_prefetch recursive_worktable_factor "
    "shared_memory_size shared_memory_size_in_huge_pages stats_fetch_consistency wal_decode_buffer_size",
    16: "createrole_self_grant debug_io_direct debug_logical_replication_streaming debug_parallel_query "
    "enable_presorted_aggregate file_extend_method gss_accept_delegation icu_validation_level "
    "max_parallel_apply_workers_per_subscription reserved_connections scram_iterations "
    "send_abort_for_crash send_abort_for_kill vacuum_buffer_usage_limit",
    17: "allow_alter_system commit_timestamp_buffers enable_group_by_reordering event_triggers "
    "huge_pages_status io_combine_limit max_notify_queue_pages multixact_member_buffers "
    "multixact_offset_buffers notify_buffers serializable_buffers subtransaction_buffers summarize_wal "
    "sync_replication_slots synchronized_standby_slots trace_connection_negotiation transaction_buffers "
    "transaction_timeout wal_summary_keep_time",
    18: "autovacuum_vacuum_max_threshold autovacuum_worker_slots enable_distinct_reordering "
    "enable_self_join_elimination extension_control_path file_copy_method idle_replication_slot_timeout "
    "io_max_combine_limit io_max_concurrency io_method io_workers log_lock_failures "
    "max_active_replication_origins md5_password_warnings num_os_semaphores oauth_validator_libraries "
    "output_plugin_libraries ssl_groups ssl_tls13_ciphers track_cost_delay_timing "
    "vacuum_max_eager_freeze_failure_rate vacuum_truncate",
}
_UNTIL = {
    15: "stats_temp_directory",
    16: "force_parallel_mode lc_collate lc_ctype promote_trigger_file vacuum_defer_cleanup_age",
    17: "db_user_namespace old_snapshot_threshold trace_recovery_messages",
}
_CAME = {name: major for major, names in _SINCE.items() for name in names.split()}
_WENT = {name: major for major, names in _UNTIL.items() for name in names.split()}
_OF_OLD = frozenset(
    """
    debug_deadlocks default_with_oids extension_destdir optimize_bounded_sort sort_mem ssl_renegotiation_limit
    trace_lock_oidmin trace_lock_table trace_locks trace_lwlocks trace_syncscan trace_userlocks vacuum_mem wal_debug
    """.split()
)
"""Old names that every server still takes, and what some builds add."""
_EVERY = _FIXED | _SWITCHES | _TIMES | _SIZES | _NUMBERS | _OTHERS | _OF_OLD
_NOT_OF_POSTGRES = re.compile("(all|aurora|apg|rds|aws|google|alloydb|azure|neon|supabase|edb|gp|yb)(_|\\Z)")
"""How settings begin that hosted servers and other databases of that kind bring along; and `all`, which is none."""

_AMOUNT = r"\s*(?P<sign>[+-]?)(0x[0-9a-fA-F]+|\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?)\s*"
_NUMBER = re.compile(_AMOUNT + r"\Z")
_TIME = re.compile(_AMOUNT + r"(us|ms|s|min|h|d)?\s*\Z")
_SIZE = re.compile(_AMOUNT + r"(B|kB|MB|GB|TB)?\s*\Z")
_YES_OR_NO = re.compile(r"(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|1|0)\Z", re.IGNORECASE)
_FORMS = ((_SWITCHES, _YES_OR_NO), (_TIMES, _TIME), (_SIZES, _SIZE), (_NUMBERS, _NUMBER))


def refused_setting(scene: Scene, action: Action) -> str | None:
    """Say why the server refuses SET, RESET or SHOW, or None: an absent name, or a value of another kind.

    A name with a dot may be anybody's. Which version the server has is sure only where the catalog was read from it.
    """
    if isinstance(action, Other) and action.kind == "VariableShowStmt" and action.objects:
        return _absent(scene, action.objects[0].name.lower())
    if not isinstance(action, SetVariable):
        return None
    name = action.variable
    fixed = f"setting {name!r} cannot be changed within a session" if name in _FIXED else None
    return _absent(scene, name) or fixed or _odd_value(name, action.value)


def is_setting(name: str, major: int | None = None) -> bool:
    """Say whether the server may have a setting of that name, in a major version or in any that is known."""
    if name not in _EVERY:
        return "." in name or _NOT_OF_POSTGRES.match(name) is not None
    return major is None or _CAME.get(name, 0) <= major < _WENT.get(name, major + 1)


def _absent(scene: Scene, name: str) -> str | None:
    there = is_setting(name, scene.version if scene.schema.complete else None)
    return None if there else f"setting {name!r} does not exist"


def _odd_value(name: str, value: str | None) -> str | None:
    if value is None or value.lower() == "default":
        return None
    form = next((form for names, form in _FORMS if name in names), None)
    found = form.match(value) if form is not None else None
    if form is not None and found is None:
        return f"{value!r} is no value of setting {name!r}"
    negative = found is not None and name.endswith("_timeout") and found["sign"] == "-"
    return f"setting {name!r} takes no negative value" if negative else None
