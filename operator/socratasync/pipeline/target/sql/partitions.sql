-- read_way --
-- How a table is partitioned: l for lists, r for ranges, h by hash, and whether a partition takes what no other does.
SELECT partstrat::text AS way, partdefid <> 0 AS has_default FROM pg_partitioned_table WHERE partrelid = %(oid)s

-- read_partitions --
-- A table's partitions, with their bounds as SQL writes them. The tablespace is null where one more comes to be there
-- by itself: in the database's own, unless the table or this session has another.
SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
    CASE WHEN c.reltablespace <> 0 OR p.reltablespace <> 0 OR current_setting('default_tablespace') <> ''
        THEN t.spcname END AS tablespace,
    c.relkind = 'r' AND c.relpersistence = 'p' AS is_plain, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = i.inhparent JOIN pg_database d ON d.datname = current_database()
JOIN pg_tablespace t ON t.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
WHERE i.inhparent = %(oid)s ORDER BY n.nspname, c.relname

-- read_parent --
-- How the table is partitioned that has no partition for a row.
SELECT p.partstrat::text AS way FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s AND c.relname = %(table)s
