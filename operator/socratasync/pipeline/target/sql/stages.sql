-- find_stages --
-- Every stage, and every table that was to be a target, with the tables that belong to it, and when its filling began: null without a checkpoint. Owned: by
-- this very role, not by one whose rights it has.
SELECT found.name, array_agg(found.relname ORDER BY found.relname) AS tables,
    coalesce(sum(pg_total_relation_size(found.oid)), 0)::bigint AS bytes,
    bool_and(found.owner = current_user) AS owned,
    min(quote_ident(found.owner)) FILTER (WHERE found.owner <> current_user) AS owner,
    (SELECT started_at FROM socratasync.checkpoints k WHERE k.stage = found.name) AS started_at
FROM (SELECT c.oid, c.relname::text, pg_get_userbyid(c.relowner) AS owner,
          regexp_replace(c.relname, '_(skipped|text|order)$', '') AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'socratasync' AND c.relkind = 'r'
          AND c.relname ~ '^(stage_[a-z0-9]{4}_[a-z0-9]{4}|new)_[0-9a-f]{12}(_skipped|_text|_order)?$') found
GROUP BY found.name ORDER BY found.name

-- read_targets --
-- Every target that a run was recorded for: a run is recorded before it makes a stage.
SELECT DISTINCT target FROM socratasync.runs

-- try_run_lock --
-- Whether no other session holds the run lock of that number; if so none gets it before the transaction ends.
SELECT pg_try_advisory_xact_lock(%(lock)s)

-- wait_briefly --
-- A stage that somebody reads, such as a dump, is left to a later run.
SET LOCAL lock_timeout = '1s'

-- started_at --
-- When the stage's filling began; no row: it has no checkpoint.
SELECT started_at FROM socratasync.checkpoints WHERE stage = %(stage)s

-- forget_lost_checkpoints --
-- Checkpoints of stages that are not there, and are too old for any retry.
DELETE FROM socratasync.checkpoints k
WHERE started_at < %(before)s AND stage <> ALL (%(in_use)s) AND to_regclass('socratasync.' || quote_ident(k.stage)) IS NULL
