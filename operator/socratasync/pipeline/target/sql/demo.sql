-- make_view --
-- What a civic app would keep for its front page; the unique index lets readers go on while it is
-- refreshed.
CREATE MATERIALIZED VIEW service_requests AS
SELECT extract(year FROM createddate)::int AS year, requesttype, count(*) AS requests,
       count(*) FILTER (WHERE status = 'Open') AS open,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY closeddate - createddate) AS median_time
FROM requests GROUP BY 1, 2;
CREATE UNIQUE INDEX ON service_requests (year, requesttype)

-- rows_per_year --
-- What the table holds, by the dataset that each row came from.
SELECT extract(year FROM createddate)::int AS year, socrata_dataset AS dataset, count(*) AS rows,
       count(*) FILTER (WHERE status = 'Open') AS open, max(updateddate) AS newest
FROM requests GROUP BY 1, 2 ORDER BY 1, 2

-- slowest_requests --
-- The front page of the civic app: which requests wait longest, from the materialized view.
SELECT requesttype, sum(requests)::bigint AS requests, sum(open)::bigint AS open,
       round(extract(epoch FROM max(median_time)) / 86400, 1) AS median_days
FROM service_requests GROUP BY 1 ORDER BY 4 DESC NULLS LAST, 2 DESC LIMIT 5

-- count_columns --
-- How many columns the table has.
SELECT count(*) FROM pg_attribute
WHERE attrelid = 'requests'::regclass AND attnum > 0 AND NOT attisdropped
