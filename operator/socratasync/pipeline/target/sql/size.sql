-- read --
-- The bytes of a table and of its indexes, those of its partitions in one. No row for a table that is not there.
SELECT coalesce(sum(pg_table_size(r.oid)), 0)::bigint AS bytes, coalesce(sum(pg_indexes_size(r.oid)), 0)::bigint AS index_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid)) r (oid)
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
GROUP BY c.oid
