-- A database as runs of Socrata Sync 0.1.0 left it, as pg_dump wrote it. Never to be changed.

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

CREATE TABLE socratasync.counts (
    target text NOT NULL,
    run text NOT NULL,
    counted jsonb NOT NULL
);

COMMENT ON TABLE socratasync.counts IS 'What each target held when it was last counted, and the run that counted it or found nothing written since';

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

CREATE TABLE socratasync.outranked (
    target text NOT NULL,
    dataset text NOT NULL,
    socrata_id text NOT NULL,
    holder_dataset text,
    holder_id text,
    owed boolean DEFAULT false NOT NULL
);

COMMENT ON TABLE socratasync.outranked IS 'Rows that a target does not hold: the holder has their key, or they have none; owed: to be read anew';

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

CREATE TABLE socratasync.versions (
    version integer NOT NULL,
    usable_from integer NOT NULL,
    release text NOT NULL,
    reached_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE socratasync.versions IS 'What this bookkeeping was brought to, by which release; programs that know usable_from can use it';

INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p0', 0, NULL, 'park-0001', 'row-9npd~4h5j_tgtj', '2026-01-01 04:00:00.003-08');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p1', 1, NULL, 'park-0001', 'row-fhbb.muhy.97yk', '2026-01-01 04:00:00.003-08');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p2', 2, NULL, 'park-0001', 'row-3ej3-fsem_8rwb', '2026-01-01 04:00:00.003-08');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p4', 4, NULL, 'park-0001', 'row-bu4n~5h4q~qcxr', '2026-01-01 04:00:00.003-08');
INSERT INTO public.parks (name, acres, opened, socrata_dataset, socrata_id, socrata_updated_at) VALUES ('p3', 33, NULL, 'park-0001', 'row-aijp~3muq.hsyy', '2026-01-01 05:00:00-08');

INSERT INTO socratasync.counts (target, run, counted) VALUES ('public.parks', 'second', '{"at": "2026-11-30T20:19:28.291441Z", "rows": 5, "datasets": {"park-0001": {"held": [5, 0, 0, 0], "shared": 0, "target": 5, "left_out": 0}}, "evidence": "16484 16484 5 1 0 1796069966.996214"}');

INSERT INTO socratasync.datasets (target, dataset, year, watermark_column, watermark, synced_since, source_rows, rows_updated_at, columns, query, left_out, run, merged_at) VALUES ('public.parks', 'park-0001', 2025, ':updated_at', '2026-01-01 05:00:00-08', '2026-01-01 04:45:00-08', 5, '2026-01-01 05:00:00-08', '{"frozen": {}, "loaded": {"name": "name", "acres": "acres", "opened": "opened"}, "source": {"name": "text", "acres": "number", "opened": "floating_timestamp"}, "provenance": {"socrata_id": "text", "socrata_dataset": "text", "socrata_updated_at": "timestamp with time zone"}}', '', 0, 'second', '2026-11-30 12:19:28.2634-08');

INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('first', 'public.parks', 'update', '2026-11-30 12:19:27.945033-08', '2026-11-30 12:19:28.046591-08', true, true, true, '{"park-0001": {"id": "park-0001", "mode": "full", "rows": {"target": null, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "shared": null, "leftOut": null, "strategy": "create", "verified": true, "badValues": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "frozenColumns": [], "lastSyncedSince": "2026-01-01T11:45:00.003Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z", "frozenColumnCount": 0}}', '{"v": 1, "ok": true, "run": "first", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "bytes": 239, "error": null, "seconds": {"merge": 0.028, "refresh": 0.009, "download": 0.036}, "datasets": [{"id": "park-0001", "mode": "full", "rows": {"target": 5, "deleted": 0, "updated": 0, "inserted": 5, "unchanged": 0, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "shared": 0, "leftOut": 0, "strategy": "create", "verified": true, "badValues": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "frozenColumns": [], "lastSyncedSince": "2026-01-01T11:45:00.003Z", "sourceUpdatedAt": "2026-01-01T12:00:00.000Z", "frozenColumnCount": 0}], "warnings": [], "countedAt": "2026-11-30T20:19:28Z", "lastSyncedSince": "2026-01-01T11:45:00.003Z"}');
INSERT INTO socratasync.runs (run, target, mode, started_at, finished_at, ok, changed, refreshed, datasets, report) VALUES ('second', 'public.parks', 'update', '2026-11-30 12:19:28.188969-08', '2026-11-30 12:19:28.295402-08', true, true, true, '{"park-0001": {"id": "park-0001", "mode": "update", "rows": {"target": null, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "shared": null, "leftOut": null, "strategy": "merge", "verified": true, "badValues": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "frozenColumns": [], "lastSyncedSince": "2026-01-01T12:45:00.000Z", "sourceUpdatedAt": "2026-01-01T13:00:00.000Z", "frozenColumnCount": 0}}', '{"v": 1, "ok": true, "run": "second", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "bytes": 254, "error": null, "seconds": {"merge": 0.019, "refresh": 0.001, "download": 0.056}, "datasets": [{"id": "park-0001", "mode": "update", "rows": {"target": 5, "deleted": 0, "updated": 1, "inserted": 0, "unchanged": 4, "downloaded": 5}, "year": 2025, "error": null, "result": "Synced", "shared": 0, "leftOut": 0, "strategy": "merge", "verified": true, "badValues": null, "duplicates": 0, "sourceRows": 5, "schemaInSync": true, "frozenColumns": [], "lastSyncedSince": "2026-01-01T12:45:00.000Z", "sourceUpdatedAt": "2026-01-01T13:00:00.000Z", "frozenColumnCount": 0}], "warnings": [], "countedAt": "2026-11-30T20:19:28Z", "lastSyncedSince": "2026-01-01T12:45:00.000Z"}');

INSERT INTO socratasync.versions (version, usable_from, release, reached_at) VALUES (4, 1, '0.1.0', '2026-11-30 12:19:27.922488-08');

ALTER TABLE ONLY public.parks
    ADD CONSTRAINT parks_pkey PRIMARY KEY (name);

ALTER TABLE ONLY socratasync.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (stage);

ALTER TABLE ONLY socratasync.counts
    ADD CONSTRAINT counts_pkey PRIMARY KEY (target);

ALTER TABLE ONLY socratasync.datasets
    ADD CONSTRAINT datasets_pkey PRIMARY KEY (target, dataset);

ALTER TABLE ONLY socratasync.outranked
    ADD CONSTRAINT outranked_pkey PRIMARY KEY (target, dataset, socrata_id);

ALTER TABLE ONLY socratasync.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (target, run);

ALTER TABLE ONLY socratasync.versions
    ADD CONSTRAINT versions_pkey PRIMARY KEY (version);

CREATE INDEX outranked_holder ON socratasync.outranked USING btree (target, holder_dataset, holder_id);

CREATE INDEX runs_started ON socratasync.runs USING btree (target, started_at DESC);
