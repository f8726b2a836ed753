-- read --
-- The indexes of a table, whoever made them: columns in order (null for an expression), whether there is nothing to
-- them beyond what a manifest can say (default operators, order and collation, no more columns), what is said of them.
SELECT i.indexrelid::bigint AS oid, c.relname AS name, m.amname AS method, i.indisunique AS is_unique,
       pg_get_expr(i.indpred, i.indrelid) AS condition, i.indisvalid AS is_valid,
       k.columns, k.is_plain AND i.indnatts = i.indnkeyatts AND i.indimmediate AND NOT i.indisexclusion
           AND coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'false' AS is_plain,
       EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid) AS is_constraint,
       coalesce(obj_description(i.indexrelid, 'pg_class'), '') AS comment
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam,
LATERAL (
    SELECT array_agg(a.attname::text ORDER BY n) AS columns,
           bool_and(i.indoption[n] = 0 AND p.opcdefault AND i.indcollation[n] = coalesce(a.attcollation, 0)) AS is_plain
    FROM generate_series(0, i.indnkeyatts - 1) AS n JOIN pg_opclass p ON p.oid = i.indclass[n]
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n] AND i.indkey[n] <> 0) k
WHERE i.indrelid = %(table)s
ORDER BY c.relname

-- read_taken --
-- Which of these names something in the schema has, but for the indexes given, and what it is an index of.
SELECT c.relname, coalesce((SELECT i.indrelid::regclass::text FROM pg_index i WHERE i.indexrelid = c.oid), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(names)s::text[]) AND c.oid <> ALL (%(but)s::bigint[]::oid[])

-- may_create --
-- Whether this role may make an index in the schema, and the statement that lets it.
SELECT has_schema_privilege(n.oid, 'CREATE'),
       'GRANT CREATE ON SCHEMA ' || quote_ident(n.nspname) || ' TO ' || quote_ident(current_user)
FROM pg_namespace n WHERE n.nspname = %(schema)s

-- has_operators --
-- The type's name if the method has no operators of its own choice for it: neither for the type, nor for one that
-- it is bit by bit, nor for all of its kind. No row: it has some.
SELECT format_type(t.oid, NULL) FROM pg_type t
WHERE t.oid = %(type)s::oid AND NOT EXISTS (
    SELECT FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod
    WHERE m.amname = %(method)s AND c.opcdefault AND (
        c.opcintype = t.oid
        OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = t.oid AND k.casttarget = c.opcintype
                   AND k.castmethod = 'b' AND k.castcontext = 'i')
        OR c.opcintype = CASE WHEN t.typcategory = 'A' THEN 'anyarray'::regtype WHEN t.typtype = 'e' THEN 'anyenum'::regtype
            WHEN t.typtype = 'r' THEN 'anyrange'::regtype WHEN t.typtype = 'c' THEN 'record'::regtype END))

-- find_changing --
-- Those of these functions' names of which no function gives the same for the same for ever.
SELECT p.proname FROM pg_proc p WHERE p.proname = ANY (%(names)s::text[])
GROUP BY p.proname HAVING bool_and(p.provolatile <> 'i') ORDER BY p.proname

-- work_memory --
-- How much memory this session sorts an index with.
SELECT current_setting('maintenance_work_mem')

-- raise_work_memory --
-- As much as a first load sorts its key with, or what the server gives if that is more.
SELECT set_config('maintenance_work_mem', greatest(262144, setting::bigint) || 'kB', false)
FROM pg_settings WHERE name = 'maintenance_work_mem'

-- set_work_memory --
-- Back to what it was.
SELECT set_config('maintenance_work_mem', %(size)s, false)
