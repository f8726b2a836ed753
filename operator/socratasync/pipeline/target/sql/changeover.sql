-- some_rows --
-- The :id of some rows that the table holds of a dataset: of the newest ones, which are the least likely to be gone at
-- the source, and of those that lie first, which are the least likely to have changed there. What is longer, or has
-- blanks or quotes, is no :id.
(SELECT socrata_id FROM {table} WHERE socrata_dataset = {dataset} AND socrata_id ~ '^[!#-&(-~]{{1,200}}$'
    ORDER BY socrata_updated_at DESC NULLS LAST LIMIT {most})
UNION
(SELECT socrata_id FROM {table} WHERE socrata_dataset = {dataset} AND socrata_id ~ '^[!#-&(-~]{{1,200}}$' LIMIT {most})

-- take_rows --
-- The rows of the table with these :ids, in the columns that a page has.
CREATE UNLOGGED TABLE {old} AS
SELECT socrata_id AS ":id", socrata_updated_at AS ":updated_at"{columns}
FROM {table} WHERE socrata_dataset = {dataset} AND socrata_id = ANY ({ids})

-- unchanged --
-- Rows that are on both sides, and as they were: a change would have moved their time.
{new} n JOIN {old} o ON o.":id" = n.":id" AND o.":updated_at"::timestamptz = n.":updated_at"::timestamptz

-- compare --
-- How many of the unchanged rows have another value in a column, of how many, and the first of them. A value that is
-- spelled the same is the same, also one that does not fit the type of the column.
SELECT count(*) FILTER (WHERE differs), count(*),
    (array_agg(was ORDER BY id) FILTER (WHERE differs))[1], (array_agg(is_now ORDER BY id) FILTER (WHERE differs))[1]
FROM (SELECT n.":id" AS id, left(o.{column}::text, {most}) AS was, left(n.{column}, {most}) AS is_now,
        CASE WHEN o.{column}::text = n.{column} THEN false ELSE {old_value} IS DISTINCT FROM {new_value} END AS differs
      FROM {unchanged}) compared

-- look_over --
-- How many values of a column do not look as those of its type do, of how many, and the first of them.
SELECT count(*) FILTER (WHERE odd), count(*), NULL, (array_agg(is_now ORDER BY id) FILTER (WHERE odd))[1]
FROM (SELECT n.":id" AS id, left(n.{column}, {most}) AS is_now, n.{column} !~ {pattern} AS odd
      FROM {new} n WHERE n.{column} IS NOT NULL) looked_over
