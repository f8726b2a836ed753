-- record_sql --
-- The run ran the manifest's SQL, of which this tells whether it is another one; in the very transaction.
UPDATE socratasync.runs
SET report = coalesce(report, '{}') || jsonb_build_object('refreshSql', %(digest)s::text)
WHERE target = %(target)s AND run = %(run)s

-- read_sql_in_force --
-- Which SQL of the manifest ran well last.
SELECT report ->> 'refreshSql' FROM socratasync.runs
WHERE target = %(target)s AND report ? 'refreshSql' ORDER BY started_at DESC LIMIT 1
