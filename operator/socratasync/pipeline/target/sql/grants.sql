-- target_grants --
-- What somebody with more rights must run before this role can load the table and refresh the views; no row:
-- nothing. The schema's USAGE, CREATE for a table that is still to be made; the table and what inherits from
-- it (a load alters, empties and vacuums them); sequences of its defaults, but for its own, which go with it;
-- the views: MAINTAIN where PostgreSQL has it, else their owner's rights, or the view where that is a superuser;
-- stages that another role left under this target's names.
WITH RECURSIVE
me AS (SELECT quote_ident(current_user) AS role, current_setting('server_version_num')::int AS version),
place AS (SELECT oid, quote_ident(nspname) AS name FROM pg_namespace WHERE nspname = %(schema)s),
parts AS (
    SELECT c.oid FROM pg_class c JOIN place ON place.oid = c.relnamespace
    WHERE c.relname = %(table)s AND c.relkind IN ('r', 'p')
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN parts ON parts.oid = i.inhparent),
named AS (
    SELECT c.oid, c.relowner AS owner, n.oid AS schema,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace),
views AS (
    SELECT c.oid, n.oid AS schema FROM unnest(%(view_schemas)s::text[], %(views)s::text[]) AS v (schema, name)
    JOIN pg_class c ON c.relname = v.name AND c.relkind = 'm'
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = v.schema
        OR v.schema IS NULL AND (pg_table_is_visible(c.oid) OR n.nspname = %(schema)s)),
wanted (step, statement) AS (
    SELECT 1, 'GRANT USAGE ON SCHEMA ' || quote_ident(n.nspname) || ' TO ' || me.role
    FROM me, pg_namespace n
    WHERE n.oid IN (SELECT oid FROM place UNION SELECT schema FROM views)
        AND NOT has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT 2, 'GRANT CREATE ON SCHEMA ' || place.name || ' TO ' || me.role FROM me, place
    WHERE NOT EXISTS (
            SELECT FROM pg_class c WHERE c.relnamespace = place.oid AND c.relname = %(table)s)
        AND NOT has_schema_privilege(place.oid, 'CREATE')
    UNION ALL
    SELECT 3, 'ALTER TABLE ' || n.name || ' OWNER TO ' || me.role
    FROM me, parts JOIN named n ON n.oid = parts.oid WHERE NOT pg_has_role(n.owner, 'USAGE')
    UNION ALL
    SELECT 4, 'GRANT USAGE ON SEQUENCE ' || n.name || ' TO ' || me.role
    FROM me, parts
    JOIN pg_attrdef d ON d.adrelid = parts.oid
    JOIN pg_depend u ON u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
        AND u.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = u.refobjid
    JOIN named n ON n.oid = s.oid
    WHERE CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END AND NOT EXISTS (
        SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.objid = s.oid
            AND o.refobjid = parts.oid AND o.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 5, CASE
        WHEN me.version >= 170000 THEN 'GRANT MAINTAIN ON ' || n.name || ' TO ' || me.role
        WHEN r.rolsuper THEN 'ALTER MATERIALIZED VIEW ' || n.name || ' OWNER TO ' || me.role
        ELSE 'GRANT ' || quote_ident(r.rolname) || ' TO ' || me.role END
    FROM me, views JOIN named n ON n.oid = views.oid JOIN pg_roles r ON r.oid = n.owner
    WHERE NOT pg_has_role(n.owner, 'USAGE') AND NOT (me.version >= 170000
        AND has_table_privilege(n.oid, CASE WHEN me.version >= 170000 THEN 'MAINTAIN' ELSE 'SELECT' END))
    UNION ALL
    SELECT 6, 'DROP TABLE ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'socratasync' AND c.relkind = 'r' AND NOT pg_has_role(c.relowner, 'USAGE')
        AND regexp_replace(c.relname, '_(skipped|text|order)$', '') = ANY (%(stages)s))
SELECT statement FROM wanted GROUP BY step, statement ORDER BY step, statement

-- bookkeeping_grants --
-- What somebody with more rights must run before this role can keep its bookkeeping; no row: nothing. Of tables
-- that are not there nothing is said: who may create in the schema makes them, and notes the version. Where there
-- is no schema yet, the second statement is for a schema that another role makes meanwhile.
WITH
me AS (SELECT quote_ident(current_user) AS role),
place AS (SELECT oid FROM pg_namespace WHERE nspname = 'socratasync'),
tables AS (
    SELECT c.oid, c.relname AS name FROM pg_class c JOIN place ON place.oid = c.relnamespace
    WHERE c.relname IN ('runs', 'datasets', 'checkpoints', 'outranked', 'counts', 'adoptions', 'versions')),
wanted (step, statement) AS (
    SELECT 1, 'CREATE SCHEMA IF NOT EXISTS socratasync AUTHORIZATION ' || me.role FROM me
    WHERE NOT EXISTS (SELECT FROM place) AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 2, 'GRANT USAGE, CREATE ON SCHEMA socratasync TO ' || me.role FROM me
    WHERE NOT EXISTS (SELECT FROM place) AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 2, 'GRANT ' || string_agg(p.name, ', ' ORDER BY p.name DESC) || ' ON SCHEMA socratasync TO ' || me.role
    FROM me, place, unnest(ARRAY['USAGE', 'CREATE']) AS p (name)
    WHERE NOT has_schema_privilege(place.oid, p.name) GROUP BY me.role
    UNION ALL
    SELECT 3, 'GRANT ' || string_agg(p.name, ', ' ORDER BY p.number) || ' ON socratasync.' || tables.name
        || ' TO ' || me.role
    FROM me, tables,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS p (name, number)
    WHERE NOT has_table_privilege(tables.oid, p.name) AND (tables.name <> 'versions'
        OR p.name = 'SELECT' OR p.name = 'INSERT' AND NOT EXISTS (
            SELECT FROM pg_class c JOIN place ON place.oid = c.relnamespace WHERE c.relname = 'freshness'))
    GROUP BY tables.name, me.role)
SELECT statement FROM wanted ORDER BY step, statement

-- default_rights --
-- What makes a table that was made in one schema have the rights that this role's tables get in another one.
SELECT format(CASE WHEN n.nspname = %(to)s THEN 'GRANT %%s ON TABLE %%s TO %%s' ELSE 'REVOKE %%s ON TABLE %%s FROM %%s' END,
        e.privilege_type, %(table)s::text, CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END)
    || CASE WHEN n.nspname = %(to)s AND e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) e
WHERE d.defaclobjtype = 'r' AND pg_get_userbyid(d.defaclrole) = current_user
    AND n.nspname IN (%(from)s::text, %(to)s::text) AND %(from)s::text <> %(to)s::text
ORDER BY n.nspname = %(to)s
