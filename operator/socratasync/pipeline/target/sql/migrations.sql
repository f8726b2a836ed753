-- find_tables --
-- What is there of schema socratasync, and what this role may do with it. No row: there is no schema.
-- The owner is one whose rights this role lacks, if there is one.
SELECT quote_ident(current_user) AS role,
    quote_ident(pg_get_userbyid(coalesce(
        min(c.relowner) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')), n.nspowner))) AS owner,
    count(*) FILTER (WHERE c.relname IN ('runs', 'datasets', 'checkpoints')) = 3 AS has_tables,
    count(*) FILTER (WHERE c.relname = 'versions') = 1 AS has_versions,
    count(*) FILTER (WHERE c.relname = 'outranked') = 1 AS has_outranked,
    count(*) FILTER (WHERE c.relname = 'counts') = 1 AS has_counts,
    count(*) FILTER (WHERE c.relname = 'adoptions') = 1 AS has_adoptions,
    EXISTS (SELECT FROM pg_class f WHERE f.relnamespace = n.oid AND f.relname = 'freshness') AS has_freshness,
    has_schema_privilege(n.oid, 'USAGE')
        AND coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), true) AS readable,
    has_schema_privilege(n.oid, 'CREATE')
        AND coalesce(bool_and(c.relname = 'versions'
            OR has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
            AND has_table_privilege(c.oid, 'DELETE')), true) AS writable
FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
    AND c.relname IN ('runs', 'datasets', 'checkpoints', 'versions', 'outranked', 'counts', 'adoptions')
WHERE n.nspname = 'socratasync'
GROUP BY n.oid, n.nspowner

-- read_version --
-- The newest version that the bookkeeping was brought to.
SELECT version, usable_from, release FROM socratasync.versions ORDER BY version DESC LIMIT 1

-- take_lock --
-- One program at a time makes or migrates the bookkeeping; the number is any that nobody else locks.
-- READ COMMITTED, whatever the role's default: who waited must see what the other one did. Once it is
-- this one's turn, no statement makes running workers queue for more than two seconds behind it.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT pg_advisory_xact_lock(84691578);
SET LOCAL lock_timeout = '2s'

-- create_schema --
-- The place of all that follows; not IF NOT EXISTS, which wants the right to create one even where
-- an administrator made it.
CREATE SCHEMA socratasync;
COMMENT ON SCHEMA socratasync IS 'Bookkeeping of Socrata Sync: runs, watermarks, stage tables'

-- create_bookkeeping --
-- Version 1. The tables that outlive a run, in the target database so that a merge, its watermark and
-- its run record commit together. Stages and checkpoints are unlogged: a server crash empties both.
CREATE TABLE IF NOT EXISTS socratasync.runs (
    run text NOT NULL,
    target text NOT NULL,
    mode text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    ok boolean,
    changed boolean NOT NULL DEFAULT false,
    refreshed boolean NOT NULL DEFAULT false,
    datasets jsonb NOT NULL DEFAULT '{}',
    report jsonb,
    PRIMARY KEY (target, run)
);
COMMENT ON TABLE socratasync.runs IS 'One row per run; datasets holds what was merged, by dataset';
CREATE INDEX IF NOT EXISTS runs_started ON socratasync.runs (target, started_at DESC);
CREATE TABLE IF NOT EXISTS socratasync.datasets (
    target text NOT NULL,
    dataset text NOT NULL,
    year integer,
    watermark_column text NOT NULL,
    watermark timestamptz,
    synced_since timestamptz,
    source_rows bigint,
    rows_updated_at timestamptz,
    columns jsonb NOT NULL,
    query text NOT NULL,
    left_out bigint NOT NULL DEFAULT 0,
    run text NOT NULL,
    merged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, dataset)
);
COMMENT ON TABLE socratasync.datasets IS
    'How far each dataset is in: the newest change seen at the source, and where the next update starts';
CREATE UNLOGGED TABLE IF NOT EXISTS socratasync.checkpoints (
    stage text PRIMARY KEY,
    run text NOT NULL,
    fingerprint text NOT NULL,
    started_at timestamptz NOT NULL,
    source jsonb NOT NULL,
    last_id text,
    rows bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    archived_bytes bigint NOT NULL DEFAULT 0,
    replica_as_of timestamptz
);
COMMENT ON TABLE socratasync.checkpoints IS 'How far each stage is filled';

-- create_versions --
-- Version 2. So that a program can tell what it finds. Whoever may use the schema may read this table:
-- a role that was granted the other tables before this one was made must go on working.
CREATE TABLE IF NOT EXISTS socratasync.versions (
    version integer PRIMARY KEY,
    usable_from integer NOT NULL,
    release text NOT NULL,
    reached_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE socratasync.versions IS
    'What this bookkeeping was brought to, by which release; programs that know usable_from can use it';
GRANT SELECT ON socratasync.versions TO PUBLIC

-- create_outranked --
-- Version 3. Rows that the sources have and a target does not hold. Whoever may write the other tables
-- may write this one, whichever of them makes it.
CREATE TABLE IF NOT EXISTS socratasync.outranked (
    target text NOT NULL,
    dataset text NOT NULL,
    socrata_id text NOT NULL,
    holder_dataset text,
    holder_id text,
    owed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (target, dataset, socrata_id)
);
CREATE INDEX IF NOT EXISTS outranked_holder
    ON socratasync.outranked (target, holder_dataset, holder_id);
COMMENT ON TABLE socratasync.outranked IS
    'Rows that a target does not hold: the holder has their key, or they have none; owed: to be read anew';
DO $$
DECLARE
    allowed record;
BEGIN
    FOR allowed IN
        SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS who,
            e.privilege_type AS what
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
        WHERE c.oid = 'socratasync.datasets'::regclass
            AND e.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON socratasync.outranked TO %s', allowed.what, allowed.who);
    END LOOP;
END
$$

-- create_counts --
-- Version 4. What a target held when it was last counted. Whoever may write the other tables may write this
-- one, whichever of them makes it.
CREATE TABLE IF NOT EXISTS socratasync.counts (
    target text PRIMARY KEY,
    run text NOT NULL,
    counted jsonb NOT NULL
);
COMMENT ON TABLE socratasync.counts IS
    'What each target held when it was last counted, and the run that counted it or found nothing written since';
DO $$
DECLARE
    allowed record;
BEGIN
    FOR allowed IN
        SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS who,
            e.privilege_type AS what
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
        WHERE c.oid = 'socratasync.datasets'::regclass
            AND e.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON socratasync.counts TO %s', allowed.what, allowed.who);
    END LOOP;
END
$$

-- create_adoptions --
-- Version 5. Datasets that runs load though no manifest names them. Whoever may write the other tables may write
-- this one, whichever of them makes it.
CREATE TABLE IF NOT EXISTS socratasync.adoptions (
    target text NOT NULL,
    dataset text NOT NULL,
    name text NOT NULL,
    entry jsonb NOT NULL,
    run text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, dataset)
);
COMMENT ON TABLE socratasync.adoptions IS
    'Datasets that spec.follow adopted, each as spec.datasets would name it, and the run that first merged it';
DO $$
DECLARE
    allowed record;
BEGIN
    FOR allowed IN
        SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS who,
            e.privilege_type AS what
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
        WHERE c.oid = 'socratasync.datasets'::regclass
            AND e.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        EXECUTE format('GRANT %s ON socratasync.adoptions TO %s', allowed.what, allowed.who);
    END LOOP;
END
$$

-- log_checkpoints --
-- Version 6. Rows that are copied straight into a new table survive a crash of the server; so should what says how many
-- there are, or the table is begun anew. Only its owner can have that changed, and no run needs it.
DO $$
BEGIN
    IF (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'socratasync.checkpoints'::regclass) THEN
        ALTER TABLE socratasync.checkpoints SET LOGGED;
    END IF;
END
$$

-- create_freshness --
-- Version 7. What an app's footer tells, by target and dataset: for whoever is granted this view, which reads the tables
-- as its owner. That is theirs, where the role that makes it has that role's rights; else the role itself. Of runs, the
-- last is told of that left the dataset as the source has it; one that read but a range of it is none. A database may
-- have something else of that name: then there is no view.
DO $$
DECLARE
    whose name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'socratasync.runs'::regclass);
    allowed record;
BEGIN
    IF to_regclass('socratasync.freshness') IS NOT NULL THEN
        RETURN;
    END IF;
    CREATE VIEW socratasync.freshness AS
    SELECT d.target, d.dataset, d.year, coalesce(d.columns -> 'dataset' ->> 'name', d.dataset) AS name,
        coalesce(d.rows_updated_at, d.watermark) AS data_as_of,
        coalesce(last.finished_at, d.merged_at) AS synced_at,
        (last.told -> 'rows' ->> 'target')::bigint AS rows,
        (last.report -> 'rows' ->> 'target')::bigint AS table_rows,
        (last.told ->> 'verified')::boolean AS verified
    FROM socratasync.datasets d LEFT JOIN LATERAL (
        SELECT r.finished_at, r.report, told.told
        FROM socratasync.runs r, jsonb_array_elements(r.report -> 'datasets') AS told (told)
        WHERE r.target = d.target AND told.told ->> 'id' = d.dataset
            AND told.told ->> 'result' IN ('Synced', 'NoChange')
            AND coalesce(r.report ->> 'only', '') !~ '(^| )(since|until)='
        ORDER BY r.started_at DESC LIMIT 1) last ON true;
    COMMENT ON VIEW socratasync.freshness IS
        'How fresh each dataset is in its table: what the source''s newest change in it was, when it was last in step';
    IF pg_has_role(whose, 'MEMBER') AND has_schema_privilege(whose, 'socratasync', 'CREATE') THEN
        EXECUTE format('ALTER VIEW socratasync.freshness OWNER TO %I', whose);
    END IF;
    FOR allowed IN
        SELECT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS who
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
        WHERE c.oid = 'socratasync.datasets'::regclass AND e.privilege_type = 'SELECT' AND e.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT SELECT ON socratasync.freshness TO %s', allowed.who);
    END LOOP;
END
$$

-- record_version --
-- The last step of a migration, in its transaction.
INSERT INTO socratasync.versions (version, usable_from, release)
VALUES (%(version)s, %(usable_from)s, %(release)s) ON CONFLICT (version) DO NOTHING
