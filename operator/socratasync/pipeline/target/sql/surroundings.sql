-- read --
-- What is around a table and decides whether a run can load it: what it is a part of or has below it, what
-- acts on its rows, who refers to it, who subscribes to it. Names are quoted where SQL wants that.
WITH tree AS (
    SELECT t.oid, t.relname, t.relkind, t.relnamespace, t.relreplident
    FROM pg_class t WHERE t.oid = %(oid)s OR t.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s::oid::regclass)))
SELECT CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::regclass::text ELSE '' END AS partition_of,
    CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) ELSE '' END AS of_type,
    ARRAY(SELECT i.inhrelid::regclass::text FROM pg_inherits i
        WHERE i.inhparent = c.oid AND c.relkind <> 'p' ORDER BY 1) AS children,
    coalesce((SELECT p.partstrat::text FROM pg_partitioned_table p WHERE p.partrelid = c.oid AND NOT EXISTS (
        SELECT FROM tree t WHERE t.oid <> c.oid AND t.relkind <> 'p')), '') AS lacks_partitions,
    ARRAY(SELECT format('%%I ON %%s', r.rulename, r.ev_class::regclass) FROM pg_rewrite r
        WHERE r.ev_class IN (SELECT oid FROM tree) ORDER BY 1) AS rules,
    ARRAY(SELECT DISTINCT quote_ident(g.tgname) FROM pg_trigger g
        WHERE g.tgrelid IN (SELECT oid FROM tree) AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')
        AND g.tgtype & 3 = 3 ORDER BY 1) AS row_triggers,
    row_security_active(c.oid) AS hides_rows,
    ARRAY(SELECT format('%%I of %%s', k.conname, k.conrelid::regclass) FROM pg_constraint k
        WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM tree) AND k.conrelid NOT IN (SELECT oid FROM tree)
        ORDER BY k.conparentid <> 0, 1) AS referenced_by,
    coalesce((SELECT quote_ident(b.pubname) FROM tree t JOIN pg_namespace n ON n.oid = t.relnamespace
        JOIN pg_publication_tables p ON (p.schemaname, p.tablename) = (n.nspname, t.relname)
        JOIN pg_publication b ON b.pubname = p.pubname
        WHERE (b.pubupdate OR b.pubdelete) AND t.relreplident <> 'f' AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisvalid AND i.indimmediate
            AND CASE t.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
        ORDER BY 1 LIMIT 1), '') AS publication
FROM pg_class c WHERE c.oid = %(oid)s
