-- take_run_lock --
-- One run at a time: held by the session, until it lets go or ends.
SELECT pg_backend_pid(), pg_advisory_lock(%(lock)s)

-- leave_run_lock --
-- What take_run_lock took.
SELECT pg_advisory_unlock(%(lock)s)

-- lock_is_held --
-- A row if the lock of that number is held, by the backend given or, for null, by any. The server shows
-- a lock's number in two halves.
SELECT FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((classid::bigint << 32) | objid::bigint) = %(lock)s
  AND (%(holder)s::int IS NULL OR pid = %(holder)s)
LIMIT 1

-- take_shared --
-- Beside others that hold it shared; ends with the transaction.
SELECT pg_advisory_xact_lock_shared(%(lock)s)

-- take_exclusive --
-- While nobody else holds it; ends with the transaction.
SELECT pg_advisory_xact_lock(%(lock)s)

-- lock_timeout --
-- How long statements of this session wait for a lock.
SELECT current_setting('lock_timeout')

-- set_lock_timeout --
-- The same for what is left of the transaction.
SELECT set_config('lock_timeout', %(wait)s, true)

-- set_session_lock_timeout --
-- The same for what is left of the session.
SELECT set_config('lock_timeout', %(wait)s, false)

-- find_holder --
-- The session that has had a lock on a table, a view or one of its partitions for longest; readers and
-- writers only where they are in the way. What this role may not see of others is null.
SELECT l.pid, a.usename::text AS role, nullif(a.application_name, '') AS application, a.state,
    a.xact_start AS since
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.relation = to_regclass(%(relation)s)
        OR l.relation IN (SELECT relid FROM pg_partition_tree(to_regclass(%(relation)s))))
    AND (%(readers_matter)s OR l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
ORDER BY a.xact_start LIMIT 1

-- find_older --
-- The session for which an index of a table waits, and that has been at it for longest: it has written to the table or to
-- one of its partitions, or sees rows of the database, on any table, as they were.
SELECT a.pid, a.usename::text AS role, nullif(a.application_name, '') AS application, a.state, a.xact_start AS since
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (a.backend_xmin IS NOT NULL OR a.pid IN (
    SELECT l.pid FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.granted AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.relation = to_regclass(%(relation)s)
            OR l.relation IN (SELECT relid FROM pg_partition_tree(to_regclass(%(relation)s))))))
ORDER BY a.xact_start LIMIT 1
