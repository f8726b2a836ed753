-- read --
-- What a table's comments are made of, and those that it has: a row for each dataset that was loaded into it (what the
-- portal says of it), one for the table, and one for each column. Of a comment without our mark, which is a person's,
-- only that it is there: an empty text. No row for a table that is not there.
WITH place AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')),
there AS (
    SELECT 'table' AS kind, '' AS name, obj_description(oid, 'pg_class') AS comment FROM place
    UNION ALL
    SELECT 'column', a.attname::text, col_description(a.attrelid, a.attnum)
    FROM place JOIN pg_attribute a ON a.attrelid = place.oid WHERE a.attnum > 0 AND NOT a.attisdropped)
SELECT kind, name, CASE WHEN right(comment, 23) ~ '^[(]Socrata Sync [0-9a-f]{8}[)]$' THEN comment
        WHEN comment IS NOT NULL THEN '' END AS comment,
    NULL::jsonb AS about, NULL::jsonb AS described, NULL::integer AS year
FROM there
UNION ALL
SELECT 'dataset', dataset, NULL, columns -> 'about', columns -> 'described', year
FROM socratasync.datasets WHERE target = %(target)s
ORDER BY year NULLS LAST, name
