"""Bad manifests, bad databases and bad sources, through the real command, real HTTPS and a real server.

Each row: what is spoilt, the exit code, and what the error must say. After each, nothing is
half-written: the target is as it was, no lock or connection is left, and no secret was shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.bad_inputs.scene import DATASET, PASSWORD, Scene

from socrata_simulator.portal.faults import Fault
from socratasync.pipeline.target.table_lock import run_lock_number

Spoil = Callable[[Scene], object]
ALWAYS = 1000


def bad(sentence: str, spoil: Spoil | list[Spoil], exit_code: int, said: str) -> object:
    """One row of a table."""
    spoils = spoil if isinstance(spoil, list) else [spoil]
    return pytest.param(spoils, exit_code, said, id=sentence)


def judge(scene: Scene, spoils: Sequence[Spoil], exit_code: int, said: str) -> None:
    """Run the spoilt scene, and see that it ends as it must."""
    for spoil in spoils:
        spoil(scene)
    deep = exit_code in (2, 78)  # nothing at all is touched, not even the bookkeeping
    before = scene.holdings(bookkeeping=deep)

    ended = scene.run()

    assert ended.exit_code == exit_code, ended
    assert said in ended.error, ended.error
    assert scene.holdings(bookkeeping=deep) == before
    assert scene.left_open() == []
    shown = ended.output + ended.messages
    assert not [secret for secret in scene.every_secret() if secret in shown]
    assert not [secret for secret in scene.every_secret() if json.dumps(secret)[1:-1] in shown]
    assert "Traceback" not in shown


# -- the manifest and the command line ----------------------------------------------------------


def without(scene: Scene, field: str) -> None:
    del scene.target[field]


def two_documents(scene: Scene) -> None:
    scene.text = "\n---\n".join([json.dumps(scene.manifest)] * 2)


def folder_instead_of_a_file(scene: Scene) -> None:
    scene.arguments = ["-f", str(scene.folder)]


MANIFESTS = [
    bad(
        "a field that does not exist",
        lambda s: s.set(pageSize=5),
        78,
        "spec.pageSize: is not a field here; did you mean spec.source.pageSize?",
    ),
    bad(
        "an id that is no 4x4 id",
        lambda s: s.set(datasets=[{"id": "MyLA311"}]),
        78,
        "spec.datasets[0].id: must be the dataset's 4x4 id",
    ),
    bad(
        "one id twice",
        lambda s: s.set(datasets=[{"id": DATASET, "year": 2019}, {"id": DATASET, "year": 2020}]),
        78,
        "spec.datasets: must name each id once",
    ),
    bad("no datasets", lambda s: s.set(datasets=[]), 78, "spec.datasets: must not be empty"),
    bad(
        "a domain with its scheme",
        lambda s: s.set(domain="https://data.lacity.org"),
        78,
        "spec.domain: must be a host, such as data.lacity.org",
    ),
    bad(
        "a domain with a path",
        lambda s: s.set(domain="data.lacity.org/resource"),
        78,
        "without https:// and without a path",
    ),
    bad(
        "a schedule of four fields",
        lambda s: s.set(schedule="0 7 * *"),
        78,
        "spec.schedule: must be five cron fields",
    ),
    bad(
        "a schedule out of range",
        lambda s: s.set(schedule="61 7 * * *"),
        78,
        "spec.schedule: must be five cron fields",
    ),
    bad(
        "a zone that does not exist",
        lambda s: s.set(schedule="0 7 * * *", timeZone="America/Reseda"),
        78,
        "spec.timeZone: must be an IANA time zone",
    ),
    bad(
        "years that no dataset has",
        lambda s: s.set(years=[1999]),
        78,
        "spec.years: must be years of spec.datasets",
    ),
    bad(
        "a since that is no time",
        lambda s: s.set(since="last week"),
        78,
        "spec.since: must be a moment with its zone",
    ),
    bad(
        "a since beside a full load",
        lambda s: s.set(since="2024-01-01T00:00:00Z", mode="full"),
        78,
        "spec.since: bounds an update",
    ),
    bad("a mode that does not exist", lambda s: s.set(mode="delta"), 78, "spec.mode: must be"),
    bad("no key", lambda s: without(s, "key"), 78, "spec.target.key: is missing"),
    bad(
        "no secret of the DSN", lambda s: without(s, "dsnSecretRef"), 78, "spec.target.dsnSecretRef"
    ),
    bad(
        "a key that is not among the fields",
        lambda s: s.target.update(fields={"status": "text"}),
        78,
        "spec.target.key: must be columns that fields lists",
    ),
    bad(
        "a type that is a statement",
        lambda s: s.target.update(fields={"srnumber": "text; DROP TABLE requests"}),
        78,
        "spec.target.fields[srnumber]: must be a PostgreSQL type",
    ),
    bad(
        "a type that is a constraint",
        lambda s: s.target.update(fields={"srnumber": "text references secrets"}),
        78,
        "PostgreSQL type",
    ),
    bad(
        "a type that PostgreSQL does not have",
        lambda s: s.target.update(fields={"srnumber": "texxt"}),
        78,
        "srnumber: there is no type texxt",
    ),
    bad(
        "a table's name that is a statement",
        lambda s: s.target.update(table='x"; DROP TABLE requests; --'),
        78,
        "spec.target.table: must be the table's name alone",
    ),
    bad(
        "a column's name with a quote",
        lambda s: s.target.update(fields={"srnumber": "", 'x"': "text"}),
        78,
        "must be a column's name of at most 63 bytes, without quotes",
    ),
    bad(
        "a schema that is reserved",
        lambda s: s.target.update(schema="socratasync"),
        78,
        "spec.target.schema: is reserved",
    ),
    bad(
        "deletions that nobody could tell apart",
        lambda s: s.target.update(prune=True, provenance=False),
        78,
        "spec.target.prune: needs provenance: true",
    ),
    bad(
        "Off without its quotes",
        lambda s: setattr(
            s,
            "text",
            json.dumps(s.manifest).replace('"mode"', '"verify": {"rowCount": off}, "mode"'),
        ),
        78,
        'put it in quotes: "Off"',
    ),
    bad("YAML that is broken", lambda s: setattr(s, "text", "spec: [a, b"), 78, "YAML"),
    bad("an empty file", lambda s: setattr(s, "text", ""), 78, "SocrataSync"),
    bad("a file of bytes", lambda s: setattr(s, "text", b"\xff\xfe\x00\x01"), 78, "manifest.yaml"),
    bad(
        "a list instead of a manifest",
        lambda s: setattr(s, "text", "- a\n- b\n"),
        78,
        "the file must be a mapping (apiVersion, kind, …)",
    ),
    bad("another kind", lambda s: s.manifest.update(kind="CronJob"), 78, "SocrataSync"),
    bad(
        "another version",
        lambda s: s.manifest.update(apiVersion="socratasync.dev/v2"),
        78,
        "apiVersion",
    ),
    bad("no name", lambda s: s.manifest.update(metadata={}), 78, "metadata.name"),
    bad("two manifests in one file", two_documents, 78, "one"),
    bad(
        "a file that is not there",
        lambda s: setattr(s, "arguments", ["-f", "/no/such/file.yaml"]),
        2,
        "/no/such/file.yaml",
    ),
    bad("a folder instead of a file", folder_instead_of_a_file, 2, "there is no file"),
    bad(
        "a file that cannot be read",
        lambda s: setattr(s, "arguments", ["-f", "/proc/self/mem"]),
        78,
        "/proc/self/mem cannot be read",
    ),
    bad(
        "an argument that is no time",
        lambda s: setattr(s, "arguments", ["--since", "soon"]),
        78,
        "--since",
    ),
    bad(
        "a lower bound for a full load",
        lambda s: setattr(s, "arguments", ["--since", "2024-01-01", "--mode", "full"]),
        78,
        "means nothing with --mode full",
    ),
    bad(
        "an argument that does not exist",
        lambda s: setattr(s, "arguments", ["--mode", "delta"]),
        2,
        "--mode",
    ),
    bad(
        "a setting that is no number",
        lambda s: s.give(SOCRATASYNC_ATTEMPTS="many"),
        78,
        "SOCRATASYNC_ATTEMPTS must be a number",
    ),
    bad(
        "headers of a hook that cannot be read",
        lambda s: s.give(SOCRATASYNC_HOOK_0_HEADERS="{oops"),
        78,
        "SOCRATASYNC_HOOK_0_HEADERS",
    ),
]


@pytest.mark.parametrize(("spoils", "exit_code", "said"), MANIFESTS)
def test_a_bad_manifest(scene: Scene, spoils: list[Spoil], exit_code: int, said: str) -> None:
    judge(scene, spoils, exit_code, said)


# -- the target ---------------------------------------------------------------------------------

TABLE = (
    "CREATE TABLE requests (srnumber text{key}, status text, houses numeric, updateddate timestamp)"
)
KEYED = TABLE.format(key=" PRIMARY KEY")


def dsn(scene: Scene, text: str) -> None:
    scene.environ["SOCRATASYNC_DSN"] = text


def elsewhere(scene: Scene, **words: str) -> None:
    """The usual DSN, but with other words."""
    dsn(scene, make_conninfo(scene.environ["SOCRATASYNC_DSN"], **words))


def role_of(scene: Scene) -> str:
    """The role that the scene's DSN names."""
    return str(conninfo_to_dict(scene.environ["SOCRATASYNC_DSN"])["user"])


def as_stranger(scene: Scene, *grants: str) -> None:
    """Connect as a role that owns nothing."""
    role = scene.as_role("stranger")
    scene.execute(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f'GRANT USAGE ON SCHEMA public TO "{role}"',
        *(grant.format(role=f'"{role}"') for grant in grants),
    )


TARGETS = [
    bad(
        "a DSN that cannot be read",
        lambda s: dsn(s, f"postgresql://joe:{PASSWORD}@[::1/x"),
        78,
        "the DSN has a / or a second @ before its host; write a / of the password as %2F",
    ),
    bad(
        "a DSN whose password is not encoded",
        lambda s: dsn(s, f"postgresql://joe:{PASSWORD}@db.invalid/x"),
        78,
        "the DSN has a / or a second @ before its host",
    ),
    bad(
        "a DSN with a word that does not exist",
        lambda s: dsn(s, f"host=db passwort=x password='{PASSWORD}"),
        78,
        "the DSN cannot be read",
    ),
    bad(
        "a DSN of Prisma's",
        lambda s: dsn(s, f"postgresql://joe:{quote(PASSWORD, safe='')}@db/x?pgbouncer=true"),
        78,
        "the DSN has the parameter pgbouncer",
    ),
    bad(
        "a DSN that verifies with no certificate",
        lambda s: elsewhere(s, host="db.invalid", sslmode="verify-full", sslrootcert="/nowhere"),
        78,
        "names a file as sslrootcert that cannot be read (/nowhere: No such file",
    ),
    bad(
        "a server that does not answer",
        lambda s: elsewhere(s, host="127.0.0.1", port="1"),
        75,
        "TargetUnavailable: ",
    ),
    bad(
        "a server that does not exist",
        lambda s: elsewhere(s, host="db.invalid"),
        75,
        "TargetUnavailable: ",
    ),
    bad(
        "a database that does not exist",
        lambda s: elsewhere(s, dbname="nowhere"),
        78,
        'database "nowhere" does not exist. Create the database or correct the DSN',
    ),
    bad(
        "a role that does not exist",
        lambda s: elsewhere(s, user="nobody_of_that_name"),
        77,
        "Check the DSN's user and password",
    ),
    bad(
        "a schema that does not exist",
        lambda s: s.target.update(schema="civic"),
        78,
        "there is no schema civic; create it, or correct spec.target.schema",
    ),
    bad(
        "a schema where the role may make no table",
        as_stranger,
        77,
        "GRANT CREATE ON SCHEMA public TO",
    ),
    bad(
        "a database where the role may make no schema",
        lambda s: as_stranger(s, "GRANT CREATE ON SCHEMA public TO {role}"),
        77,
        "CREATE SCHEMA IF NOT EXISTS socratasync AUTHORIZATION",
    ),
    bad(
        "a table of somebody else",
        [
            lambda s: s.execute(KEYED),
            lambda s: as_stranger(s, "GRANT ALL ON requests TO {role}"),
        ],
        77,
        "ALTER TABLE public.requests OWNER TO",
    ),
    bad(
        "a table without a unique key",
        lambda s: s.execute(TABLE.format(key="")),
        78,
        "ALTER TABLE public.requests ADD PRIMARY KEY (srnumber)",
    ),
    bad(
        "a table whose unique index is partial",
        lambda s: s.execute(
            TABLE.format(key=""),
            "CREATE UNIQUE INDEX ON requests (srnumber) WHERE status = 'Open'",
        ),
        78,
        "no unique constraint on (srnumber)",
    ),
    bad(
        "a table whose constraint is deferrable",
        lambda s: s.execute(
            TABLE.format(key=""), "ALTER TABLE requests ADD UNIQUE (srnumber) DEFERRABLE"
        ),
        78,
        "no unique constraint on (srnumber)",
    ),
    bad(
        "a table without the key's column",
        lambda s: s.execute("CREATE TABLE requests (status text)"),
        78,
        "has no column srnumber, which spec.target.key names",
    ),
    bad(
        "a column that cannot hold the source's",
        lambda s: s.execute(KEYED.replace("numeric", "boolean")),
        78,
        "public.requests.houses is boolean, which cannot hold the dataset's houses (number)",
    ),
    bad(
        "a column of another type than the manifest's",
        [
            lambda s: s.execute(KEYED),
            lambda s: s.target.update(fields={"srnumber": "", "houses": "integer"}),
        ],
        78,
        "wants houses as integer, but public.requests has it as numeric",
    ),
    bad(
        "a column that must not be null and gets nothing",
        lambda s: s.execute(KEYED, "ALTER TABLE requests ADD COLUMN city text NOT NULL"),
        78,
        "city must not be null, and the dataset has nothing for it",
    ),
    bad(
        "a column that PostgreSQL generates",
        lambda s: s.execute(
            "CREATE TABLE requests (srnumber text PRIMARY KEY, "
            "status text GENERATED ALWAYS AS (upper(srnumber)) STORED)"
        ),
        78,
        "public.requests.status is generated by PostgreSQL",
    ),
    bad(
        "a view instead of a table",
        lambda s: s.execute("CREATE VIEW requests AS SELECT 'a'::text AS srnumber"),
        78,
        "public.requests is not a table",
    ),
    bad(
        "columns that nobody may add",
        [
            lambda s: s.execute("CREATE TABLE requests (srnumber text PRIMARY KEY)"),
            lambda s: s.target.update(onSchemaChange="Fail"),
        ],
        78,
        "has no column status, houses, updateddate; add it",
    ),
    bad(
        "a materialized view that does not exist",
        [
            lambda s: s.execute(KEYED),
            lambda s: s.set(refresh={"materializedViews": ["by_day"]}),
        ],
        78,
        "there is no materialized view by_day; create it or take it out",
    ),
    bad(
        "a view that is not materialized",
        [
            lambda s: s.execute(KEYED, "CREATE VIEW by_day AS SELECT * FROM requests"),
            lambda s: s.set(refresh={"materializedViews": ["public.by_day"]}),
        ],
        78,
        "there is no materialized view public.by_day",
    ),
    bad(
        "a materialized view of somebody else",
        [
            lambda s: as_stranger(s, "GRANT CREATE ON SCHEMA public TO {role}"),
            lambda s: s.execute(KEYED, "CREATE MATERIALIZED VIEW by_day AS SELECT 1 AS one"),
            lambda s: s.execute(f'ALTER TABLE requests OWNER TO "{role_of(s)}"'),
            lambda s: s.set(refresh={"materializedViews": ["by_day"]}),
        ],
        77,
        "Have an administrator of the database",
    ),
    bad(
        "a database that only reads",
        lambda s: s.execute(
            "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
            "current_database()); END$$"
        ),
        78,
        'RESET "default_transaction_read_only"',
    ),
    bad(
        "an archive that cannot be written",
        [
            lambda s: s.set(archive={"persistentVolumeClaim": "downloads", "keepRuns": 2}),
            lambda s: (s.folder / "downloads").write_text("a file where a folder must be"),
            lambda s: s.give(SOCRATASYNC_ARCHIVE=str(s.folder)),
        ],
        75,
        "cannot be written",
    ),
]


@pytest.mark.parametrize(("spoils", "exit_code", "said"), TARGETS)
def test_a_bad_target(scene: Scene, spoils: list[Spoil], exit_code: int, said: str) -> None:
    judge(scene, spoils, exit_code, said)


# -- the source ---------------------------------------------------------------------------------


def fault(scene: Scene, what: Fault, on: str = "any") -> None:
    scene.portal.faults.add(what, times=ALWAYS, on=on)


def counts_must_be_right(scene: Scene) -> None:
    scene.set(verify={"rowCount": "Fail"})


def without_columns(scene: Scene) -> None:
    for column in scene.dataset.fields:
        scene.dataset.drop_column(column.name)


def after_a_good_run(scene: Scene, *then: Callable[[], object]) -> None:
    scene.well()
    for change in then:
        change()


SOURCES = [
    bad(
        "a dataset that does not exist",
        lambda s: s.set(datasets=[{"id": "gone-0000"}]),
        78,
        "Check the id; a dataset that was replaced has a new one",
    ),
    bad("a dataset that was removed", lambda s: s.dataset.remove(), 78, "DatasetNotFound: "),
    bad(
        "a map, a story or a file",
        without_columns,
        78,
        "write the id of the dataset that it was made from",
    ),
    bad(
        "a private dataset",
        lambda s: s.dataset.make_private(),
        77,
        "the dataset is private",
    ),
    bad(
        "a private dataset and wrong credentials",
        [
            lambda s: s.dataset.make_private(),
            lambda s: s.set(source={"credentialsSecretRef": {"name": "account"}}),
            lambda s: s.give("SOCRATASYNC_USERNAME", "SOCRATASYNC_PASSWORD"),
        ],
        77,
        "Check source.credentialsSecretRef",
    ),
    bad(
        "an app token that nobody was given",
        [
            lambda s: s.set(source={"appTokenSecretRef": {"name": "token"}}),
            lambda s: s.give("SOCRATASYNC_APP_TOKEN"),
        ],
        77,
        "Socrata does not know the app token",
    ),
    bad("throttling for ever", lambda s: fault(s, Fault.status(429)), 75, "SourceThrottled: "),
    bad(
        "throttling for longer than a run waits",
        lambda s: fault(s, Fault.status(429, retry_after=7200)),
        75,
        "an app token (source.appTokenSecretRef) has a quota of its own",
    ),
    bad("an error for ever", lambda s: fault(s, Fault.status(500)), 75, "HTTP 500"),
    bad("a bare error for ever", lambda s: fault(s, Fault.bare_error()), 75, "Internal error"),
    bad(
        "a page of HTML with 503", lambda s: fault(s, Fault.status(503)), 75, "SourceUnavailable: "
    ),
    bad("a bad gateway", lambda s: fault(s, Fault.status(502)), 75, "an HTML page"),
    bad("still preparing for ever", lambda s: fault(s, Fault.status(202)), 75, "still preparing"),
    bad(
        "queries that time out",
        lambda s: fault(s, Fault.status(408), on="rows"),
        75,
        "a smaller source.pageSize may help",
    ),
    bad(
        "a log-in page of a proxy",
        lambda s: fault(s, Fault.login_page()),
        75,
        "a proxy may stand between",
    ),
    bad(
        "a domain that has moved for good",
        lambda s: fault(
            s, Fault.redirect(f"https://data.newtown.gov/api/views/{DATASET}.json", 301)
        ),
        78,
        "the domain has moved: write data.newtown.gov in spec.domain",
    ),
    bad(
        "a redirect to a page about maintenance",
        lambda s: fault(s, Fault.redirect("https://status.newtown.gov/")),
        75,
        "may be under maintenance",
    ),
    bad("a firewall's page", lambda s: fault(s, Fault.firewall()), 75, "firewall"),
    bad(
        "a redirect to no HTTPS",
        lambda s: fault(s, Fault.redirect(f"http://{s.server.domain}/login")),
        75,
        "redirects",
    ),
    bad(
        "a certificate that nobody trusts",
        lambda s: s.give(REQUESTS_CA_BUNDLE="/etc/ssl/certs/ca-certificates.crt"),
        75,
        "in the variable SSL_CERT_FILE: of a sync in spec.job.podTemplate",
    ),
    bad(
        "a CA bundle that does not exist",
        lambda s: s.give(REQUESTS_CA_BUNDLE="/no/such/bundle.pem"),
        78,
        "REQUESTS_CA_BUNDLE",
    ),
    bad("a domain that does not exist", lambda s: s.set(domain="data.invalid"), 75, "data.invalid"),
    bad("a port where nobody listens", lambda s: s.set(domain="127.0.0.1:1"), 75, "127.0.0.1:1"),
    bad("resets for ever", lambda s: fault(s, Fault.reset()), 75, "SourceUnavailable: "),
    bad(
        "pages cut in the middle for ever",
        lambda s: fault(s, Fault.hang_up(after_bytes=100), on="rows"),
        75,
        "SourceUnavailable: ",
    ),
    bad(
        "pages cut inside a row as if that were the end",
        lambda s: fault(s, Fault.truncated(250), on="rows"),
        75,
        "cut short inside a row",
    ),
    bad(
        "pages cut inside the header line",
        lambda s: fault(s, Fault.truncated(20), on="rows"),
        75,
        "cut short inside the header line",
    ),
    bad(
        "pages cut right after the header line",
        [counts_must_be_right, lambda s: fault(s, Fault.short_page(0), on="rows")],
        65,
        "0 rows came, but Socrata counts 9",
    ),
    bad(
        "a count that is cut",
        lambda s: fault(s, Fault.truncated(9), on="count"),
        75,
        "SourceUnavailable: ",
    ),
    bad(
        "a count that is wrong",
        [counts_must_be_right, lambda s: fault(s, Fault.wrong_count(11), on="count")],
        65,
        "9 rows came, but Socrata counts 11",
    ),
    bad(
        "a new column where changes must fail",
        lambda s: after_a_good_run(
            s,
            lambda: s.target.update(onSchemaChange="Fail"),
            lambda: s.dataset.add_column("zip", "text"),
        ),
        65,
        "column zip is new",
    ),
    bad(
        "a column that vanished where changes must fail",
        lambda s: after_a_good_run(
            s,
            lambda: s.target.update(onSchemaChange="Fail"),
            lambda: s.dataset.drop_column("status"),
        ),
        65,
        "column status is gone",
    ),
    bad(
        "a column that was retyped where changes must fail",
        lambda s: after_a_good_run(
            s,
            lambda: s.target.update(onSchemaChange="Fail"),
            lambda: s.dataset.retype_column("houses", "text"),
        ),
        65,
        "column houses was number and is text",
    ),
    bad(
        "a column that was retyped beyond the table's",
        lambda s: after_a_good_run(s, lambda: s.dataset.retype_column("houses", "text")),
        65,
        "ALTER COLUMN houses TYPE text",
    ),
    bad(
        "the key's column gone",
        lambda s: after_a_good_run(s, lambda: s.dataset.rename_column("srnumber", "casenumber")),
        65,
        "map it with datasets[].columns",
    ),
    bad(
        "a key that is nearly a column",
        lambda s: s.target.update(key=["SR Number"]),
        78,
        "Nearest to SR Number: srnumber",
    ),
    bad(
        "a chosen column gone",
        [
            lambda s: s.target.update(fields={"srnumber": "", "status": ""}),
            lambda s: after_a_good_run(s, lambda: s.dataset.drop_column("status")),
        ],
        65,
        "has no column for status",
    ),
    bad(
        "a filter on a column that went",
        [
            lambda s: s.set(datasets=[{"id": DATASET, "where": "houses > 0"}]),
            lambda s: after_a_good_run(s, lambda: s.dataset.drop_column("houses")),
        ],
        65,
        "SchemaChanged: ",
    ),
    bad(
        "a column that the source never had",
        lambda s: s.target.update(fields={"srnumber": "", "closeddate": ""}),
        78,
        "has no column for closeddate",
    ),
    bad(
        "a mapping to a field that the source does not have",
        lambda s: s.set(datasets=[{"id": DATASET, "columns": {"srnumber": "casenumber"}}]),
        78,
        "srnumber (from casenumber)",
    ),
    bad(
        "a column renamed between the description and the rows",
        lambda s: s.portal.faults.add(
            Fault.doing(lambda: s.dataset.rename_column("status", "state")), on="rows"
        ),
        65,
        "SchemaChanged: ",
    ),
    bad(
        "a value that does not fit its type",
        [
            lambda s: s.dataset.update(s.dataset.ids()[3], status="many"),
            lambda s: s.target.update(fields={"srnumber": "", "status": "integer"}),
        ],
        65,
        'column status (integer) does not take "Open"',
    ),
    bad(
        "a character that PostgreSQL does not store",
        lambda s: s.dataset.update(s.dataset.ids()[3], status="a\x00b"),
        65,
        'column status (text) does not take "a\\x00b"',
    ),
    bad(
        "a filter that Socrata does not understand",
        lambda s: s.set(datasets=[{"id": DATASET, "where": "status === 'Open'"}]),
        78,
        "Check datasets[].where",
    ),
    bad(
        "a filter on a column that does not exist",
        lambda s: s.set(datasets=[{"id": DATASET, "where": "state = 'Open'"}]),
        78,
        "spec.datasets[].where: ",
    ),
    bad(
        "a watermark that the source does not have",
        lambda s: s.set(source={"watermark": "closeddate"}),
        78,
        "spec.source.watermark: the dataset has no column closeddate; use :updated_at",
    ),
    bad(
        "a watermark that is no time",
        lambda s: s.set(source={"watermark": "status"}),
        78,
        "spec.source.watermark: status is text, not a time",
    ),
    bad(
        "a replacement of which one dataset is missing",
        [
            lambda s: s.portal.add_dataset(
                "good-0002", [("srnumber", "text")], [{"srnumber": "9"}]
            ),
            lambda s: after_a_good_run(
                s,
                lambda: s.set(datasets=[{"id": DATASET}, {"id": "good-0002"}], mode="full"),
                lambda: s.target.update(reset=True),
                lambda: s.portal.faults.add(Fault.status(500), times=ALWAYS, dataset=DATASET),
            ),
        ],
        75,
        "HTTP 500",
    ),
]


@pytest.mark.parametrize(("spoils", "exit_code", "said"), SOURCES)
def test_a_bad_source(scene: Scene, spoils: list[Spoil], exit_code: int, said: str) -> None:
    judge(scene, spoils, exit_code, said)


# -- where something must have happened, or somebody else is involved ------------------------------


def test_another_run_that_holds_the_table_is_waited_for_and_then_left_alone(scene: Scene) -> None:
    with psycopg.connect(scene.database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [run_lock_number("public.requests")])

        ended = scene.run()

    assert ended.exit_code == 75
    assert "TargetBusy: another run is loading public.requests" in ended.error
    assert scene.holdings(bookkeeping=True)["relations"] == []


def test_a_role_that_may_not_log_in_is_told_so(scene: Scene) -> None:
    judge(scene, [lambda s: s.as_role("guest", "NOLOGIN")], 77, "Check the DSN's user and password")


def test_a_wrong_password_is_told_and_not_shown(scene: Scene, strict_server: str) -> None:
    wrong = make_conninfo(strict_server, user="clerk", password=PASSWORD)

    judge(scene, [lambda s: dsn(s, wrong)], 77, 'password authentication failed for user "clerk"')


def test_an_empty_dataset_is_no_fault(scene: Scene) -> None:
    scene.dataset.delete(scene.dataset.ids())

    ended = scene.run()

    assert ended.exit_code == 0, ended
    assert ended.report["rows"]["target"] == 0


def test_a_hook_that_must_be_called_and_does_not_answer_is_owed_until_it_does(scene: Scene) -> None:
    scene.set(hooks=[{"url": "http://127.0.0.1:1/reload?key=secret-key", "required": True}])

    for run in ("first", "second"):
        ended = scene.run()
        assert ended.exit_code == 75, (run, ended)
        assert "HookFailed: calling http://127.0.0.1:1/reload failed" in ended.error
        assert ended.report["rows"]["target"] == 9
        assert "secret-key" not in ended.output + ended.messages

    scene.set(hooks=[])
    assert scene.run().exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--log-format", "json"], ["-v"]])
def test_people_read_what_failed_and_what_to_do_next(scene: Scene, arguments: list[str]) -> None:
    scene.dataset.make_private()
    scene.set(source={"credentialsSecretRef": {"name": "account"}})
    scene.give("SOCRATASYNC_USERNAME", "SOCRATASYNC_PASSWORD", "SOCRATASYNC_NOTIFY_0")
    scene.arguments = ["-o", "text", *arguments]

    ended = scene.run()

    said = " ".join(ended.messages.split())
    assert ended.exit_code == 77
    assert "AuthenticationFailed: Socrata refuses the credentials" in said
    assert "next: Correct the credential or grant the right, then run again." in said
    assert "bad-input: failed" in ended.output
    assert not [s for s in scene.every_secret() if s in ended.output + ended.messages]


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(MANIFESTS) + len(TARGETS) + len(SOURCES) >= 100
