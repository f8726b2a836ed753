-- has_adoptions --
-- Whether the bookkeeping is as new as the table of adoptions.
SELECT to_regclass('socratasync.adoptions') IS NOT NULL

-- read_adoptions --
-- The datasets that the target's runs load though no manifest names them, the oldest first.
SELECT dataset, name, entry FROM socratasync.adoptions
WHERE target = %(target)s ORDER BY adopted_at, dataset

-- record_adoption --
-- A dataset is loaded from now on; written in the transaction that merges it. What was adopted once stays as it was.
INSERT INTO socratasync.adoptions (target, dataset, name, entry, run)
VALUES (%(target)s, %(dataset)s, %(name)s, %(entry)s, %(run)s)
ON CONFLICT (target, dataset) DO NOTHING

-- forget_adoptions --
-- Datasets that the manifest names by now.
DELETE FROM socratasync.adoptions WHERE target = %(target)s AND dataset = ANY (%(datasets)s)
