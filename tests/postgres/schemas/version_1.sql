-- A database whose bookkeeping is of version 1, which says its version nowhere, as pg_dump wrote it.
-- It holds the table parks, loaded by three runs (the second failed), and trees, whose first load was
-- stopped after four of six rows: its stage and its checkpoint are there. Never to be changed.

CREATE SCHEMA socratasync;

COMMENT ON SCHEMA socratasync IS 'Bookkeeping of Socrata Sync: runs, watermarks, stage tables';

CREATE TABLE public.parks (
    name text NOT NULL,
    acres numeric,
    opened timestamp without time zone,
    socrata_dataset text,
    socrata_id text,
    socrata_updated_at timestamp with time zone
);

CREATE UNLOGGED TABLE socratasync.checkpoints (
    stage text NOT NULL,
    run text NOT NULL,
    fingerprint text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    source jsonb NOT NULL,
    last_id text,
    rows bigint DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    archived_bytes bigint DEFAULT 0 NOT NULL,
    replica_as_of timestamp with time zone
);

COMMENT ON TABLE socratasync.checkpoints IS 'How far each stage is filled';

CREATE TABLE socratasync.datasets (
    target text NOT NULL,
    dataset text NOT NULL,
    year integer,
    watermark_column text NOT NULL,
    watermark timestamp with time zone,
    synced_since timestamp with time zone,
    source_rows bigint,
    rows_updated_at timestamp with time zone,
    columns jsonb NOT NULL,
    query text NOT NULL,
    left_out bigint DEFAULT 0 NOT NULL,
    run text NOT NULL,
    merged_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE socratasync.datasets IS 'How far each dataset is in: the newest change seen at the source, and where the next update starts';

CREATE TABLE socratasync.runs (
    run text NOT NULL,
    target text NOT NULL,
    mode text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    ok boolean,
    changed boolean DEFAULT false NOT NULL,
    refreshed boolean DEFAULT false NOT NULL,
    datasets jsonb DEFAULT '{}'::jsonb NOT NULL,
    report jsonb
);

COMMENT ON TABLE socratasync.runs IS 'One row per run; datasets holds what was merged, by dataset';

CREATE UNLOGGED TABLE socratasync.stage_tree_0001_fba03f775068 (
    name text,
    height numeric,
    ":updated_at" timestamp with time zone,
    ":id" text NOT NULL,
    ":arrival" bigint NOT NULL
)
WITH (autovacuum_enabled='false');

ALTER TABLE socratasync.stage_tree_0001_fba03f775068 ALTER COLUMN ":arrival" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME socratasync."stage_tree_0001_fba03f775068_:arrival_seq"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 10000
);

INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p0', 0, NULL, 'park-0001', 'row-9npd~4h5j_tgtj', '2026-01-01 12:00:00.003+00');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p1', 1, NULL, 'park-0001', 'row-fhbb.muhy.97yk', '2026-01-01 12:00:00.003+00');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p3', 3, NULL, 'park-0001', 'row-aijp~3muq.hsyy', '2026-01-01 12:00:00.003+00');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p4', 4, NULL, 'park-0001', 'row-bu4n~5h4q~qcxr', '2026-01-01 12:00:00.003+00');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p2', 22, NULL, 'park-0001', 'row-3ej3-fsem_8rwb', '2026-01-01 12:00:00.004+00');

INSERT INTO socratasync.checkpoints (stage, run, fingerprint, started_at, source, last_id, rows, bytes, archived_bytes, replica_as_of) VALUES ('stage_tree_0001_fba03f775068', 'fourth', 'aba402ea7db40c58364d9b27a8a70314', '2026-01-01 12:00:00+00', '{"rows": 6, "newest": "2026-01-01T12:00:00.002000Z", "taken_at": "2026-01-01T12:00:00Z", "rows_updated_at": "2026-01-01T12:00:00Z"}', 'row-67zn~cmyg-cjj6', 4, 246, 0, NULL);

INSERT INTO socratasync.datasets (target, dataset, year, watermark_column, watermark, synced_since, source_rows, rows_updated_at, columns, query, left_out, run, merged_at) VALUES ('public.parks', 'park-0001', 2025, ':updated_at', '2026-01-01 12:00:00.004+00', '2026-01-01 11:45:00.004+00', 5, NULL, '{"loaded": {"name": "name", "acres": "acres", "opened": "opened"}, "source": {"name": "text", "acres": "number", "opened": "floating_timestamp"}}', '', 0, 'third', '2026-11-25 14:58:58.5413+00');

INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('first', 'public.parks', 'update', '2026-11-25 14:58:58.347937+00', '2026-11-25 14:58:58.404209+00', true, true, true, '{"park-0001": {"id": "park-0001", "mode": "full", "rows": {"target": null, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "strategy": "create", "verified": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "lastSyncedSince": "2026-01-01T11:45:00.003Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z"}}', '{"v": 1, "ok": true, "run": "first", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "bytes": 239, "error": null, "seconds": {"merge": 0.01, "refresh": 0.002, "download": 0.027}, "datasets": [{"id": "park-0001", "mode": "full", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "strategy": "create", "verified": true, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "lastSyncedSince": "2026-01-01T11:45:00.003Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z"}], "warnings": [], "lastSyncedSince": "2026-01-01T11:45:00.003Z"}');
INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('second', 'public.parks', 'update', '2026-11-25 14:58:58.437639+00', '2026-11-25 14:58:58.476005+00', false, false, false, '{}', '{"v": 1, "ok": false, "run": "second", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 0, "unchanged": 0, "downloaded": 0}, "bytes": 0, "error": {"reason": "SourceUnavailable", "message": "Socrata is in trouble (HTTP 500 for /resource/park-0001.csv: Internal error)"}, "seconds": {"download": 0.028}, "datasets": [{"id": "park-0001", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 0, "unchanged": 0, "downloaded": 0}, "year": 2025, "error": {"reason": "SourceUnavailable", "message": "Socrata is in trouble (HTTP 500 for /resource/park-0001.csv: Internal error)"}, "result": "Failed", "strategy": null, "verified": null, "duplicates": 0, "sourceRows": null, "schemaInSync": true, "lastSyncedSince": "2026-01-01T11:45:00.003Z", "sourceUpdatedAt": null}], "warnings": [], "lastSyncedSince": "2026-01-01T11:45:00.003Z"}');
INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('third', 'public.parks', 'full', '2026-11-25 14:58:58.504928+00', '2026-11-25 14:58:58.55463+00', true, true, true, '{"park-0001": {"id": "park-0001", "mode": "full", "rows": {"target": null, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "strategy": "merge", "verified": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "lastSyncedSince": "2026-01-01T11:45:00.004Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z"}}', '{"v": 1, "ok": true, "run": "third", "mode": "full", "rows": {"target": 5, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "bytes": 249, "error": null, "seconds": {"merge": 0.01, "refresh": 0.001, "download": 0.022}, "datasets": [{"id": "park-0001", "mode": "full", "rows": {"target": 5, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "strategy": "merge", "verified": true, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "lastSyncedSince": "2026-01-01T11:45:00.004Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z"}], "warnings": [], "lastSyncedSince": "2026-01-01T11:45:00.004Z"}');
INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('fourth', 'public.trees', 'update', '2026-11-25 14:58:58.651109+00', NULL, NULL, false, false, '{}', NULL);

INSERT INTO socratasync.stage_tree_0001_fba03f775068 (name, height, ":updated_at", ":id", ":arrival") OVERRIDING SYSTEM VALUE VALUES ('t0', 0, '2026-01-01 12:00:00.002+00', 'row-gfpx.7cgp-bbth', 1);
INSERT INTO socratasync.stage_tree_0001_fba03f775068 (name, height, ":updated_at", ":id", ":arrival") OVERRIDING SYSTEM VALUE VALUES ('t1', 1, '2026-01-01 12:00:00.002+00', 'row-ttre_swe4~tkcq', 2);
INSERT INTO socratasync.stage_tree_0001_fba03f775068 (name, height, ":updated_at", ":id", ":arrival") OVERRIDING SYSTEM VALUE VALUES ('t2', 2, '2026-01-01 12:00:00.002+00', 'row-3zdn-87dy.62zt', 3);
INSERT INTO socratasync.stage_tree_0001_fba03f775068 (name, height, ":updated_at", ":id", ":arrival") OVERRIDING SYSTEM VALUE VALUES ('t3', 3, '2026-01-01 12:00:00.002+00', 'row-67zn~cmyg-cjj6', 4);

SELECT pg_catalog.setval('socratasync."stage_tree_0001_fba03f775068_:arrival_seq"', 10000, true);

ALTER TABLE ONLY public.parks
    ADD CONSTRAINT parks_pkey PRIMARY KEY (name);

ALTER TABLE ONLY socratasync.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (stage);

ALTER TABLE ONLY socratasync.datasets
    ADD CONSTRAINT datasets_pkey PRIMARY KEY (target, dataset);

ALTER TABLE ONLY socratasync.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (target, run);

CREATE INDEX runs_started ON socratasync.runs USING btree (target, started_at DESC);
