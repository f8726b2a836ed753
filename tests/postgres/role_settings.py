"""Every setting that a role or a database may have, from PostgreSQL 14 to 18, and what it is to a run.

A setting that is in none of these tables was not thought about: test_settings.py fails for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.pipeline.target import session

OURS = {
    **session.OURS,
    "lock_timeout": "30s",
    "client_encoding": "UTF8",
    "client_connection_check_interval": "10s",
}
"""What a connection of ours has, whatever its role has."""

OURS_OVER_TCP = [name for name in session.server_side(60) if name.startswith("tcp_")]
"""The same, but over a Unix socket they have no value."""

HOSTILE_TO_OURS = {
    "default_transaction_isolation": "serializable",
    "statement_timeout": "2s",
    "transaction_timeout": "2s",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "500ms",
    "lock_timeout": "1ms",
    "exit_on_error": "on",
    "timezone": "Asia/Kathmandu",
    "timezone_abbreviations": "India",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "lc_monetary": "POSIX",
    "xmloption": "document",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "restrict_nonsystem_relation_kind": "view, foreign-table",
    "gin_fuzzy_search_limit": "1",
    "default_table_access_method": "another",
    "plpgsql.extra_errors": "all",
    "client_encoding": "LATIN1",
    "client_connection_check_interval": "0",
}

NOT_FOR_ROLES = {
    "transaction_isolation": "belongs to one transaction; a role can have its default",
    "transaction_read_only": "belongs to one transaction; a role can have its default",
    "transaction_deferrable": "belongs to one transaction; a role can have its default",
    "session_authorization": "a role may have it, and PostgreSQL pays no heed",
}

_HARMLESS = {
    "How fast a statement is, or by which plan, never what it answers.": """
        backend_flush_after commit_delay commit_siblings constraint_exclusion cpu_index_tuple_cost
        cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction deadlock_timeout debug_discard_caches
        debug_parallel_query default_statistics_target effective_cache_size effective_io_concurrency
        enable_async_append enable_bitmapscan enable_distinct_reordering enable_gathermerge
        enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort
        enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin
        enable_nestloop enable_parallel_append enable_parallel_hash enable_partition_pruning
        enable_partitionwise_aggregate enable_partitionwise_join enable_presorted_aggregate
        enable_self_join_elimination enable_seqscan enable_sort enable_tidscan file_copy_method
        force_parallel_mode from_collapse_limit geqo geqo_effort geqo_generations geqo_pool_size
        geqo_seed geqo_selection_bias geqo_threshold gin_pending_list_limit hash_mem_multiplier
        io_combine_limit jit jit_above_cost jit_expressions jit_inline_above_cost jit_optimize_above_cost
        jit_tuple_deforming join_collapse_limit logical_decoding_work_mem maintenance_io_concurrency
        maintenance_work_mem max_parallel_maintenance_workers max_parallel_workers
        max_parallel_workers_per_gather min_parallel_index_scan_size min_parallel_table_scan_size
        parallel_leader_participation parallel_setup_cost parallel_tuple_cost plan_cache_mode
        random_page_cost recursive_worktable_factor seq_page_cost synchronize_seqscans
        temp_buffers wal_compression wal_init_zero wal_recycle wal_skip_threshold work_mem""",
    "How VACUUM works, and how thoroughly.": """
        vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty
        vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age vacuum_freeze_min_age
        vacuum_freeze_table_age vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age
        vacuum_multixact_freeze_min_age vacuum_multixact_freeze_table_age vacuum_truncate""",
    "What the server logs, counts and shows of sessions.": """
        application_name backtrace_functions compute_query_id debug_pretty_print debug_print_parse
        debug_print_plan debug_print_rewritten jit_dump_bitcode
        log_duration log_error_verbosity
        log_executor_stats log_lock_failures log_lock_waits log_min_duration_sample
        log_min_duration_statement log_min_error_statement log_min_messages log_parameter_max_length
        log_parameter_max_length_on_error log_parser_stats log_planner_stats log_replication_commands
        log_statement log_statement_sample_rate log_statement_stats log_temp_files
        log_transaction_sample_rate stats_fetch_consistency trace_notify trace_sort track_activities
        track_cost_delay_timing track_counts track_functions track_io_timing track_wal_io_timing
        update_process_title wal_consistency_checking""",
    "What a person reads: no run decides by a message's words, nor formats numbers or dates.": """
        client_min_messages escape_string_warning lc_messages lc_numeric lc_time md5_password_warnings
        xmlbinary""",
    "Where and how new tables are kept, which is the administrator's to say.": """
        default_tablespace default_toast_compression temp_tablespaces""",
    "Rows and their watermark are in one commit: what a crash takes, it takes together.": """
        synchronous_commit""",
    "Names without a schema are people's own (types, functions of triggers); ours have one.": """
        search_path default_text_search_config""",
    "Who acts: rights are asked of that role as of any other.": "role",
    "Ends in an error, by PostgreSQL's own words, what would be done otherwise.": """
        row_security temp_file_limit max_stack_depth""",
    "Holds only for transactions that a run does not have.": "default_transaction_deferrable",
    "About what a run does not do: roles, functions, large objects, replication, loading libraries.": """
        allow_in_place_tablespaces allow_system_table_mods check_function_bodies createrole_self_grant
        debug_logical_replication_streaming dynamic_library_path event_triggers extension_control_path
        icu_validation_level lo_compat_privileges local_preload_libraries password_encryption
        scram_iterations session_preload_libraries wal_sender_timeout""",
}
HARMLESS = {name: why for why, names in _HARMLESS.items() for name in names.split()}
"""Setting → why no run minds it."""

WORST: Mapping[str, str] = {
    "search_path": "nowhere",
    "default_text_search_config": "pg_catalog.simple",
    "default_tablespace": "nowhere",
    "temp_tablespaces": "nowhere",
    "lc_messages": "POSIX",
    "lc_numeric": "POSIX",
    "lc_time": "POSIX",
    "application_name": "another",
    "createrole_self_grant": "set, inherit",
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers": "8",
    "max_parallel_workers_per_gather": "8",
    "max_parallel_maintenance_workers": "8",
    "jit": "on",
    "jit_above_cost": "0",
    "jit_inline_above_cost": "0",
    "jit_optimize_above_cost": "0",
    "vacuum_cost_delay": "1",
    "commit_delay": "10",
    "track_functions": "all",
}
"""Harmless settings at values that are neither the other one of two, nor the last of a list, nor the least."""

SPARED = {
    "temp_file_limit": "its error is the point of it",
    "max_stack_depth": "its error is the point of it",
    "local_preload_libraries": "names libraries, which are not there",
    "session_preload_libraries": "names libraries, which are not there",
    "dynamic_library_path": "names folders, which are not there",
    "extension_control_path": "names folders, which are not there",
    "backtrace_functions": "names functions of the server's source",
    "wal_consistency_checking": "logs whole pages",
    "role": "has a test of its own",
}
"""Harmless settings that no run is tried with."""
