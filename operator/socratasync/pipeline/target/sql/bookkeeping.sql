-- begin_run --
-- Records that a run started; a retried pod finds its own row and keeps what it had merged.
INSERT INTO socratasync.runs (run, target, mode) VALUES (%(run)s, %(target)s, %(mode)s)
ON CONFLICT (target, run) DO UPDATE SET finished_at = NULL, ok = NULL
RETURNING datasets

-- record_merge --
-- The run's record of one dataset, written in the transaction that merges it. What was counted before that
-- is no more so.
WITH forgotten AS (DELETE FROM socratasync.counts WHERE target = %(target)s)
UPDATE socratasync.runs
SET datasets = datasets || jsonb_build_object(%(dataset)s::text, %(result)s::jsonb),
    changed = changed OR %(changed)s
WHERE target = %(target)s AND run = %(run)s

-- record_watermark --
-- How far the dataset is in, written in the transaction that merges it.
INSERT INTO socratasync.datasets (target, dataset, year, watermark_column, watermark, synced_since,
    source_rows, rows_updated_at, columns, query, left_out, run)
VALUES (%(target)s, %(dataset)s, %(year)s, %(watermark_column)s, %(watermark)s, %(synced_since)s,
    %(source_rows)s, %(rows_updated_at)s, %(columns)s, %(query)s, %(left_out)s, %(run)s)
ON CONFLICT (target, dataset) DO UPDATE SET
    year = excluded.year, watermark_column = excluded.watermark_column,
    watermark = excluded.watermark, synced_since = excluded.synced_since,
    source_rows = excluded.source_rows, rows_updated_at = excluded.rows_updated_at,
    columns = excluded.columns, query = excluded.query, left_out = excluded.left_out,
    run = excluded.run, merged_at = now()

-- record_columns --
-- Which columns a dataset has and had, where nothing is merged.
UPDATE socratasync.datasets SET columns = %(columns)s
WHERE target = %(target)s AND dataset = %(dataset)s

-- record_left_out --
-- How many rows of a dataset have no key or share one, and so cannot all be in the target.
UPDATE socratasync.datasets SET left_out = %(rows)s
WHERE target = %(target)s AND dataset = %(dataset)s

-- has_outranked --
-- Whether the bookkeeping is as new as the table of rows that others outrank.
SELECT to_regclass('socratasync.outranked') IS NOT NULL

-- read_owed --
-- Rows that are to be read anew, since the row that stood for them has gone, by dataset.
SELECT dataset, array_agg(socrata_id ORDER BY socrata_id) FROM socratasync.outranked
WHERE target = %(target)s AND owed GROUP BY dataset

-- count_outranked --
-- By dataset: its rows that the target does not hold; keys of such rows that another dataset's row has;
-- rows that are owed. Of two rows of a dataset under one foreign key one is shared, the other left out.
SELECT dataset, outranked - shared - owed AS left_out, shared, owed FROM (
    SELECT dataset, count(*) AS outranked, count(*) FILTER (WHERE owed AND holder_dataset IS NULL) AS owed,
        count(DISTINCT (holder_dataset, holder_id))
            FILTER (WHERE holder_dataset <> dataset) AS shared
    FROM socratasync.outranked WHERE target = %(target)s GROUP BY dataset) counted

-- shares_keys --
-- Whether a row of the dataset and one of another dataset are known to have one key.
SELECT EXISTS (SELECT FROM socratasync.outranked WHERE target = %(target)s
    AND dataset <> holder_dataset AND %(dataset)s IN (dataset, holder_dataset))

-- read_outranked --
-- Rows of a dataset that the target does not hold.
SELECT socrata_id FROM socratasync.outranked
WHERE target = %(target)s AND dataset = %(dataset)s ORDER BY socrata_id LIMIT %(limit)s

-- forget_rows --
-- Rows that are gone at the source as well.
DELETE FROM socratasync.outranked
WHERE target = %(target)s AND dataset = %(dataset)s AND socrata_id = ANY (%(ids)s)

-- forget_dataset --
-- Every row of the dataset is judged anew.
DELETE FROM socratasync.outranked WHERE target = %(target)s AND dataset = %(dataset)s

-- forget_outranked --
-- Once the table was emptied, nothing of what was outranked before is true any more.
DELETE FROM socratasync.outranked WHERE target = %(target)s

-- finish_run --
-- The run's outcome and its whole report, beside which SQL of the manifest it ran.
UPDATE socratasync.runs
SET finished_at = now(), ok = %(ok)s, report = %(report)s::jsonb || CASE WHEN report ? 'refreshSql'
    THEN jsonb_build_object('refreshSql', report -> 'refreshSql') ELSE '{}' END
WHERE target = %(target)s AND run = %(run)s

-- mark_refreshed --
-- Views, vacuum and hooks have seen everything merged so far.
UPDATE socratasync.runs SET refreshed = true WHERE target = %(target)s AND changed AND NOT refreshed

-- refresh_is_pending --
-- Whether something was merged that views and hooks have not seen.
SELECT EXISTS (SELECT FROM socratasync.runs WHERE target = %(target)s AND changed AND NOT refreshed)

-- forget_old_runs --
-- Two thousand runs are years of nightly ones; older rows go.
DELETE FROM socratasync.runs WHERE target = %(target)s AND refreshed IS NOT DISTINCT FROM changed AND run IN (
    SELECT run FROM socratasync.runs WHERE target = %(target)s ORDER BY started_at DESC OFFSET 2000)

-- forget_other_datasets --
-- After a reset, or where somebody emptied the table, the rows of other datasets are gone; so must their
-- watermarks be.
DELETE FROM socratasync.datasets WHERE target = %(target)s AND dataset <> ALL (%(datasets)s)

-- read_datasets --
-- How far every dataset of the target is in. All columns: an older bookkeeping has fewer, a newer more.
SELECT * FROM socratasync.datasets WHERE target = %(target)s

-- read_runs --
-- The last runs of the target, newest first.
SELECT run, mode, started_at, finished_at, ok, report FROM socratasync.runs
WHERE target = %(target)s ORDER BY started_at DESC LIMIT %(limit)s

-- read_checkpoint --
-- How far a stage is filled. All columns: an older bookkeeping has fewer, a newer more.
SELECT * FROM socratasync.checkpoints WHERE stage = %(stage)s

-- start_checkpoint --
-- An empty stage; source holds what was read there before the first page, and what pages add to it.
INSERT INTO socratasync.checkpoints (stage, run, fingerprint, started_at, source)
VALUES (%(stage)s, %(run)s, %(fingerprint)s, %(started_at)s, %(source)s)
ON CONFLICT (stage) DO UPDATE SET run = excluded.run, fingerprint = excluded.fingerprint,
    started_at = excluded.started_at, source = excluded.source,
    last_id = NULL, rows = 0, bytes = 0, archived_bytes = 0, replica_as_of = NULL

-- adopt_checkpoint --
-- A later run goes on with a stage that an earlier one left.
UPDATE socratasync.checkpoints SET run = %(run)s WHERE stage = %(stage)s

-- advance_checkpoint --
-- One more page, in the transaction that copied it. No row: another run has taken the stage.
UPDATE socratasync.checkpoints
SET last_id = %(last_id)s, rows = rows + %(rows)s, bytes = bytes + %(bytes)s,
    archived_bytes = %(archived_bytes)s, replica_as_of = %(replica_as_of)s,
    source = source || %(noted)s
WHERE stage = %(stage)s AND run = %(run)s

-- drop_checkpoint --
-- The stage is gone.
DELETE FROM socratasync.checkpoints WHERE stage = %(stage)s
