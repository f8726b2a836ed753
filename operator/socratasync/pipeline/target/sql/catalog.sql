-- read_table --
-- What the name stands for, whether this role may alter it, which columns it is partitioned by (null for
-- an expression), and which files hold its rows. Of a partitioned table, it is the partitions that have rows.
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_get_userbyid(c.relowner) AS owner, l.estimate, l.storage,
       ARRAY(SELECT a.attname::text FROM pg_partitioned_table p, unnest(p.partattrs::int2[]) AS k (number)
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
             WHERE p.partrelid = c.oid) AS partitioned_by
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
LATERAL (SELECT sum(greatest(r.reltuples, 0))::bigint AS estimate,
                string_agg(pg_relation_filenode(r.oid)::text, ',' ORDER BY r.oid) AS storage
         FROM pg_class r WHERE r.oid = c.oid AND c.relkind <> 'p'
             OR c.relkind = 'p' AND r.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)) l
WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- read_columns --
-- The table's columns in order. Of a domain, also the type that it is made of in the end.
WITH RECURSIVE below AS (
    SELECT t.oid AS domain, t.typbasetype AS type FROM pg_type t WHERE t.typtype = 'd'
        AND t.oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = %(oid)s)
    UNION ALL
    SELECT b.domain, t.typbasetype FROM below b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd')
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       coalesce((SELECT format_type(b.type, NULL) FROM below b JOIN pg_type t ON t.oid = b.type
                 WHERE b.domain = a.atttypid AND t.typtype <> 'd'), '') AS base,
       a.attnotnull AS required,
       a.atthasdef OR a.attidentity <> '' AS has_default,
       a.attgenerated <> '' OR a.attidentity = 'a' AS generated
FROM pg_attribute a WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- read_unique_keys --
-- The column lists that no two rows may share: whole, immediate unique indexes on plain columns.
SELECT array_agg(a.attname::text ORDER BY a.attname) AS key
FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[:i.indnkeyatts - 1])
WHERE i.indrelid = %(oid)s AND i.indisunique AND i.indimmediate AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid

-- read_types --
-- What this database calls the types, without their lengths; null for one that it does not have.
SELECT t.name, format_type(to_regtype(t.name)::oid, NULL) AS called
FROM unnest(%(types)s::text[]) AS t (name)

-- has_time_zone --
-- Whether the server has a time zone of this very name.
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %(zone)s)

-- find_instants --
-- The types in which there is an instant in the end: domains, arrays and ranges unfolded.
WITH RECURSIVE below AS (
    SELECT given.name, to_regtype(given.name)::oid AS type FROM unnest(%(types)s::text[]) AS given (name)
    UNION
    SELECT b.name, made.type FROM below b JOIN pg_type t ON t.oid = b.type
    LEFT JOIN pg_range r ON t.oid IN (r.rngtypid, r.rngmultitypid),
    LATERAL (VALUES (t.typbasetype), (t.typelem), (r.rngsubtype)) AS made (type)
    WHERE made.type <> 0)
SELECT DISTINCT name FROM below WHERE type IN ('timestamptz'::regtype, 'timetz'::regtype)

-- read_check --
-- The condition of a table's check constraint.
SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint
WHERE conrelid = %(table)s::regclass AND conname = %(name)s AND contype = 'c'

-- read_back --
-- A text, as the database's encoding has it.
SELECT %(text)s::text

-- read_view --
-- A materialized view: whether it is one, may be refreshed by this role (since PostgreSQL 17 that can be
-- granted), is filled, and has what CONCURRENTLY needs, a unique index over all its rows.
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, c.relispopulated AS populated,
       pg_has_role(c.relowner, 'USAGE') OR v.with_maintain AND has_table_privilege(c.oid,
           CASE WHEN v.with_maintain THEN 'MAINTAIN' ELSE 'SELECT' END) AS may_refresh,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
               AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL) AS concurrently
FROM pg_class c, (SELECT current_setting('server_version_num')::int >= 170000 AS with_maintain) v
WHERE c.oid = to_regclass(%(name)s)

-- schema_rights --
-- Whether the schema exists, and whether this role may make a table in it.
SELECT to_regnamespace(%(quoted)s) IS NOT NULL AS exists,
       to_regnamespace(%(quoted)s) IS NOT NULL
       AND has_schema_privilege(to_regnamespace(%(quoted)s)::oid, 'CREATE') AS may_create

-- find_postgis --
-- Where the types of PostGIS are, if this role may use them; no row: nowhere.
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'postgis' AND has_schema_privilege(n.oid, 'USAGE')
