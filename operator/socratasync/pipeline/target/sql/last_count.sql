-- read_evidence --
-- The table, its files, and how many rows were written to it since the statistics began, which is when they
-- were last reset or lost. Null where PostgreSQL counts no writes, or none are known: they may be lost.
SELECT CASE WHEN current_setting('track_counts')::boolean AND s.inserted + s.updated + s.deleted > 0 THEN
    concat_ws(' ', %(oid)s::oid, %(storage)s::text, s.inserted, s.updated, s.deleted,
        extract(epoch FROM d.stats_reset), extract(epoch FROM b.stats_reset)) END
FROM pg_stat_database d, pg_stat_bgwriter b, (
    SELECT sum(pg_stat_get_tuples_inserted(r.oid)) AS inserted, sum(pg_stat_get_tuples_updated(r.oid)) AS updated,
        sum(pg_stat_get_tuples_deleted(r.oid)) AS deleted
    FROM pg_class r
    WHERE r.oid = %(oid)s OR r.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s::oid::regclass))) s
WHERE d.datname = current_database()

-- read --
-- What the run before this one counted, or went on believing; no row if it did neither.
SELECT c.counted FROM socratasync.counts c WHERE c.target = %(target)s AND c.run = (
    SELECT r.run FROM socratasync.runs r WHERE r.target = %(target)s AND r.run <> %(run)s
    ORDER BY r.started_at DESC LIMIT 1)

-- record --
-- The same of this run.
INSERT INTO socratasync.counts (target, run, counted) VALUES (%(target)s, %(run)s, %(counted)s)
ON CONFLICT (target) DO UPDATE SET run = excluded.run, counted = excluded.counted
