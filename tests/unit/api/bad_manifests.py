"""Manifests that must be refused: what is wrong in each, where, and in which words.

The unit tests hold the models to this table; the cluster's hold the API server to it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

GONE = object()
"""As a value: the field is taken out."""

SAME = "the same sentence"
"""The API server refuses in our words."""

GOOD: Object = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "pvft-t768", "year": 2019}, {"id": "rq3b-xjk8", "year": 2020}],
    "target": {"dsnSecretRef": {"name": "la-311-db"}, "table": "requests", "key": ["srnumber"]},
}


PARTS: Object = {
    "host": {"value": "db-rw"},
    "user": {"secretKeyRef": {"name": "db-app", "key": "user"}},
    "password": {"secretKeyRef": {"name": "db-app", "key": "password"}},
    "dbname": {"value": "city"},
}


def in_parts(**parts: Any) -> dict[str, Any]:
    """Changes: the connection in parts, and these parts other than usual."""
    return {"target/dsnSecretRef": GONE, "target/dsnFrom": {**PARTS, **parts}}


SLACK: Object = {"slack": {"secretRef": {"name": "s"}}}

_MOUNT_PATH = "job.podTemplate.volumeMounts[0].mountPath"


def _mounted(path: str) -> dict[str, Any]:
    """Changes: a volume mounted at that path."""
    return {"job": {"podTemplate": {"volumeMounts": [{"name": "ca", "mountPath": path}]}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """``changes`` (dotted path below spec → value) to a good spec; then ``path`` is refused with
    ``sentence``. ``server`` is what the API server says: the same, other words, or nothing (None) when
    only Python can tell."""

    title: str
    changes: Mapping[str, Any]
    path: str
    sentence: str
    server: str | None = SAME


def changed(changes: Mapping[str, Any]) -> Object:
    """The good spec with the changes made."""
    spec = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split("/")
        place: Any = spec
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if value is GONE:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return spec


def _bad(
    title: str, changes: Mapping[str, Any], path: str, sentence: str, server: str | None = SAME
) -> Bad:
    return Bad(title=title, changes=changes, path=f"spec.{path}", sentence=sentence, server=server)


_DOMAIN = (
    "must be a host, such as data.lacity.org, with :port if need be; "
    "without https:// and without a path"
)
_ID = "must be the dataset's 4x4 id, such as rq3b-xjk8: the last part of its page's address"
_CRON = (
    'must be five cron fields, such as "0 7 * * *" (minute hour day month weekday), '
    "or one of @hourly, @daily, @weekly, @monthly, @yearly"
)
_ZONE = "must be an IANA time zone, such as America/Los_Angeles or Etc/UTC"
_SINCE = "must be a moment with its zone, such as 2024-01-01T00:00:00Z or 2024-01-01T00:00:00-08:00"
_TABLE = (
    "must be the table's name alone: letters, digits and _, not a digit first, at most 63; "
    "its schema goes into spec.target.schema"
)
_SCHEMA = "is reserved; choose another schema than pg_*, information_schema and socratasync"
_TYPE = (
    "must be a PostgreSQL type, such as text, integer, numeric(10,2) or timestamp with time zone, "
    'or "" to take it from the dataset'
)
_FIELD_OR_PART = (
    "must be a field's API name, such as casenumber or :updated_at: lower-case letters, digits and _, not "
    "the label that the portal shows; or a part of one, such as location.latitude (latitude, longitude, "
    "human_address, url, description, file_id, filename, content_type, phone_number, phone_type)"
)
_GIVEN = (
    "must be a PostgreSQL type, such as text, integer, numeric(10,2) or timestamp with time zone"
)
_LAG = "must be a duration above zero, such as 36h, 90m or 1d12h"
_TOLERANCE = 'must be a number of rows, such as 10, or a percentage up to 100, such as "0.5%"'
_QUANTITY = "must be a quantity, such as 100m, 2 or 512Mi"
_ADDRESS = (
    "must be an address such as https://app.example.org/reload, with no password in it: "
    "credentials go into headersSecretRef"
)
_COLUMN = "must be a column's name of at most 63 bytes, without quotes or control characters"
_FIELD = (
    "must be a field's API name, such as casenumber or :updated_at: "
    "lower-case letters, digits and _, not the label that the portal shows"
)
_WHERE = "must be the condition alone, such as status = 'Closed', without $where= or WHERE"
_OBJECT = "must be an object's name: lower-case letters, digits, - and ."
_TWO_DATASETS = [{"id": "pvft-t768", "year": 2019}, {"id": "pvft-t768", "year": 2020}]

BAD = [
    # -- what must be there ----------------------------------------------------------------------
    _bad("no domain", {"domain": GONE}, "domain", "is missing; write it", "spec.domain: Required value"),
    _bad("no datasets", {"datasets": GONE}, "datasets", "is missing; write it", "spec.datasets: Required"),
    _bad("an empty list of datasets", {"datasets": []}, "datasets", "must not be empty; name at least one",
         "spec.datasets in body should have at least 1 items"),
    _bad("no target", {"target": GONE}, "target", "is missing; write it", "spec.target: Required value"),
    _bad("no key", {"target/key": GONE}, "target.key", "is missing; write it", "spec.target.key: Required"),
    _bad("an empty key", {"target/key": []}, "target.key", "must not be empty; name at least one",
         "spec.target.key in body should have at least 1 items"),
    _bad("no secret with the DSN", {"target/dsnSecretRef": GONE}, "target.dsnSecretRef",
         "must be given, or dsnFrom with the connection in parts, and not both"),
    _bad("the DSN both whole and in parts", {"target/dsnFrom": PARTS}, "target.dsnSecretRef",
         "must be given, or dsnFrom with the connection in parts, and not both"),
    _bad("a part that is neither written nor referred to", in_parts(host={}),
         "target.dsnFrom.host.value", "must be given, or secretKeyRef, and not both"),
    _bad("a part that is written and referred to",
         in_parts(port={"value": 5432, "secretKeyRef": {"name": "db", "key": "port"}}),
         "target.dsnFrom.port.value", "must be given, or secretKeyRef, and not both"),
    _bad("a host of two words", in_parts(host={"value": "db 5432"}), "target.dsnFrom.host.value",
         "must be one word, without blanks and line breaks"),
    _bad("a port beyond all ports", in_parts(port={"value": 65536}), "target.dsnFrom.port.value",
         "must be at most 65,535", "should be less than or equal to 65535"),
    _bad("a password in clear", in_parts(password={**PARTS["password"], "value": "hunter2"}),
         "target.dsnFrom.password.value",
         "is not a field", 'unknown field "spec.target.dsnFrom.password.value"'),
    _bad("a certificate without its key",
         in_parts(sslcert={"secretKeyRef": {"name": "db", "key": "tls.crt"}}), "target.dsnFrom.sslcert",
         "must be given with sslkey, and sslkey with it: they are the two halves of a client's certificate"),
    _bad("nothing to verify the server by", in_parts(sslmode="verify-full"), "target.dsnFrom.sslrootcert",
         "must be given with sslmode verify-ca and verify-full: what the server's certificate is verified by"),
    _bad("authorities of two places", in_parts(sslrootcert={
            "secretKeyRef": {"name": "db", "key": "ca"}, "configMapKeyRef": {"name": "db", "key": "ca"}}),
         "target.dsnFrom.sslrootcert.secretKeyRef", "must be given, or configMapKeyRef, and not both"),
    _bad("an sslmode that libpq does not know", in_parts(sslmode="on"), "target.dsnFrom.sslmode",
         "must be disable, allow, prefer, require, verify-ca or verify-full", "Unsupported value"),
    _bad("a secret without its name", {"target/dsnSecretRef": {"key": "dsn"}}, "target.dsnSecretRef.name",
         "is missing; write it", "spec.target.dsnSecretRef.name: Required value"),
    _bad("a dataset without its id", {"datasets": [{"year": 2019}]}, "datasets[0].id",
         "is missing; write it", "spec.datasets[0].id: Required value"),
    _bad("an index of nothing", {"target/indexes": [{"columns": []}]}, "target.indexes[0].columns",
         "must not be empty; name at least one", "spec.target.indexes[0].columns in body should have at least 1 items"),
    _bad("an index of a column twice", {"target/indexes": [{"columns": ["a", "a"]}]}, "target.indexes[0].columns",
         "must name each column once"),
    _bad("an index by a method that PostgreSQL does not have", {"target/indexes": [{"columns": ["a"], "method": "rtree"}]},
         "target.indexes[0].method", "must be btree, hash, gist, spgist, gin or brin", "Unsupported value"),
    _bad("a unique index by a method that knows none",
         {"target/indexes": [{"columns": ["a"], "method": "gist", "unique": True}]}, "target.indexes[0].unique",
         "must be true only with method btree: no other one knows unique indexes"),
    _bad("a hash of two columns", {"target/indexes": [{"columns": ["a", "b"], "method": "hash"}]},
         "target.indexes[0].columns", "must be one column where method is hash or spgist, which index no more"),
    _bad("an index of the rows that meet nothing", {"target/indexes": [{"columns": ["a"], "where": " "}]},
         "target.indexes[0].where", "must be a condition, such as status = 'Open'"),
    _bad("an index with a quote in its name", {"target/indexes": [{"columns": ["a"], "name": 'a"b'}]},
         "target.indexes[0].name",
         "must be an index's name of at most 63 bytes, without its schema, quotes or control characters"),
    _bad("an index with a name of those under way", {"target/indexes": [{"columns": ["a"], "name": "socratasync_a"}]},
         "target.indexes[0].name", "must not begin with socratasync_, as indexes do while they are made"),
    _bad("two indexes of one name",
         {"target/indexes": [{"columns": ["a"], "name": "i"}, {"columns": ["b"], "name": "i"}]}, "target.indexes",
         "must have names that differ"),
    _bad("an index twice", {"target/indexes": [{"columns": ["a"]}, {"columns": ["a"], "name": "i"}]}, "target.indexes",
         "must list each index once: two differ in their name alone", None),
    _bad("freshness without a limit", {"freshness": {}}, "freshness.maxLag",
         "must be given, or sourceMaxAge, or both; to watch neither, take freshness out"),
    # -- what does not exist ---------------------------------------------------------------------
    _bad("a field misspelt", {"dataset": []}, "dataset", "is not a field; did you mean datasets?",
         'unknown field "spec.dataset"'),
    _bad("a field in snake case", {"time_zone": "Etc/UTC"}, "time_zone",
         "is not a field; did you mean timeZone?", 'unknown field "spec.time_zone"'),
    _bad("a field in the wrong case", {"target/onschemachange": "Fail"}, "target.onschemachange",
         "is not a field; did you mean onSchemaChange?", 'unknown field "spec.target.onschemachange"'),
    _bad("a field in the wrong place", {"key": ["srnumber"]}, "key",
         "is not a field here; did you mean spec.target.key?", 'unknown field "spec.key"'),
    _bad("a DSN in clear", {"target/dsn": "postgresql://u:p@h/db"}, "target.dsn",
         "is not a field", 'unknown field "spec.target.dsn"'),
    _bad("a folder of the node in the pod",
         {"job": {"podTemplate": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}}},
         "job.podTemplate.volumes[0].hostPath", "is not a field",
         'unknown field "spec.job.podTemplate.volumes[0].hostPath"'),
    # -- types -----------------------------------------------------------------------------------
    _bad("a year in quotes", {"datasets/0/year": "2019"}, "datasets[0].year",
         'must be a whole number, not "2019"; write it without quotes',
         'spec.datasets[0].year in body must be of type integer: "string"'),
    _bad("an id that YAML takes for a number", {"datasets/0/id": 12345678}, "datasets[0].id",
         "must be text, not 12345678; put it in quotes",
         'spec.datasets[0].id in body must be of type string: "integer"'),
    _bad("yes for true", {"suspend": "yes"}, "suspend",
         'must be true or false, not "yes"; write it without quotes',
         'spec.suspend in body must be of type boolean: "string"'),
    _bad("comments in words", {"target/comments": "some"}, "target.comments",
         'must be true or false, not "some"; write it without quotes',
         'spec.target.comments in body must be of type boolean: "string"'),
    _bad("one dataset instead of a list", {"datasets": {"id": "pvft-t768"}}, "datasets",
         "must be a list, not", 'unknown field "spec.datasets.id"'),
    _bad("one key column instead of a list", {"target/key": "srnumber"}, "target.key",
         'must be a list, not "srnumber"; write [srnumber]',
         'spec.target.key in body must be of type array: "string"'),
    _bad("a block that is a word", {"refresh": "Analyze"}, "refresh", "must be a mapping",
         'spec.refresh in body must be of type object: "string"'),
    _bad("Null without quotes, which YAML takes for nothing", {"target/onBadValue": None},
         "target.onBadValue", 'must be Fail, Null or Skip, not null; put it in quotes: "Null"',
         'spec.target.onBadValue: Unsupported value: null: supported values: "Fail", "Null", "Skip"'),
    _bad("a way with bad values that does not exist", {"target/onBadValue": "Ignore"},
         "target.onBadValue", "must be Fail, Null or Skip, not \"Ignore\"",
         'spec.target.onBadValue: Unsupported value: "Ignore": supported values: "Fail", "Null", "Skip"'),
    _bad("Off without quotes, which YAML takes for false", {"verify": {"rowCount": False}},
         "verify.rowCount", 'must be Off, Warn or Fail, not false; put it in quotes: "Off"',
         'spec.verify.rowCount in body must be of type string: "boolean"'),
    # -- words and numbers -----------------------------------------------------------------------
    _bad("an unknown mode", {"mode": "incremental"}, "mode",
         'must be update or full, not "incremental"', 'supported values: "update", "full"'),
    _bad("a mode in the wrong case", {"mode": "Full"}, "mode", 'must be update or full, not "Full"',
         'supported values: "update", "full"'),
    _bad("an unknown vacuum", {"refresh": {"vacuum": "Freeze"}}, "refresh.vacuum",
         'must be Analyze, Full or None, not "Freeze"', 'supported values: "Analyze", "Full", "None"'),
    # -- who is told -----------------------------------------------------------------------------
    _bad("an unknown occasion", {"notify": [{**SLACK, "on": ["Always"]}]}, "notify[0].on[0]",
         "must be Failure, Recovery, Success, Stale, SourceFrozen, Successor, SchemaChanged, RowCountMismatch or Invalid, "
         'not "Always"', "supported values:"),
    _bad("no occasion", {"notify": [{**SLACK, "on": []}]}, "notify[0].on",
         "must not be empty; name at least one", "should have at least 1 items"),
    _bad("an occasion twice", {"notify": [{**SLACK, "on": ["Failure", "Failure"]}]}, "notify[0].on",
         "must name each occasion once"),
    _bad("a recovery from nothing", {"notify": [{**SLACK, "on": ["Recovery", "Success"]}]},
         "notify[0].on", "must name what Recovery is a recovery from, such as Failure"),
    _bad("a channel that is none", {"notify": [{"on": ["Failure"]}]}, "notify[0]",
         "must name one of slack, teams and webhook; write an entry of the list for each"),
    _bad("two channels in one entry", {"notify": [{**SLACK, "teams": {"secretRef": {"name": "t"}}}]},
         "notify[0]", "must name one of slack, teams and webhook; write an entry of the list for each"),
    _bad("an address that everybody could read", {"notify": [{"slack": "https://hooks.example/T0"}]},
         "notify[0].slack", 'must be a mapping (name: value), not "https://hooks.example/T0"',
         "in body must be of type object"),
    _bad("the one channel of old", {"notify": {"slackWebhookSecretRef": {"name": "s"}}}, "notify",
         'must be a list, not {"slackWebhookSecretRef": {"name": "s"}}; write its entries with - in front',
         'unknown field "spec.notify.slackWebhookSecretRef"'),
    _bad("the one channel of old in a list", {"notify": [{"slackWebhookSecretRef": {"name": "s"}}]},
         "notify[0].slackWebhookSecretRef", "is not a field; there are slack, teams, webhook, on",
         'unknown field "spec.notify[0].slackWebhookSecretRef"'),
    _bad("more channels than anybody reads", {"notify": [SLACK] * 9}, "notify",
         "must have at most 8 entries", "must have at most 8 items"),
    _bad("no parallelism", {"parallelism": 0}, "parallelism", "must be at least 1, not 0",
         "should be greater than or equal to 1"),
    _bad("too much parallelism", {"parallelism": 17}, "parallelism", "must be at most 16, not 17",
         "should be less than or equal to 16"),
    _bad("no rows a page", {"source": {"pageSize": 0}}, "source.pageSize", "must be at least 1, not 0",
         "should be greater than or equal to 1"),
    _bad("a jitter of days", {"jitterSeconds": 100_000}, "jitterSeconds",
         "must be at most 86,400, not 100000", "should be less than or equal to 86400"),
    _bad("a run without end", {"job": {"activeDeadlineSeconds": 0}}, "job.activeDeadlineSeconds",
         "must be at least 1, not 0", "should be greater than or equal to 1"),
    _bad("a year with a digit too many", {"datasets/0/year": 20190}, "datasets[0].year",
         "must be at most 2,200, not 20190", "should be less than or equal to 2200"),
    _bad("more keys than any table has", {"target/key": [f"k{n}" for n in range(17)]}, "target.key",
         "must have at most 16 entries", "must have at most 16 items"),
    # -- domain, ids, names ----------------------------------------------------------------------
    _bad("a domain with its scheme", {"domain": "https://data.lacity.org"}, "domain", _DOMAIN),
    _bad("a domain with a path", {"domain": "data.lacity.org/resource"}, "domain", _DOMAIN),
    _bad("a domain with a password", {"domain": "me:secret@data.lacity.org"}, "domain", _DOMAIN),
    _bad("a domain with a blank", {"domain": "data.lacity.org "}, "domain", _DOMAIN),
    _bad("an id that is a whole address", {"datasets/0/id": "https://data.lacity.org/d/pvft-t768"},
         "datasets[0].id", _ID),
    _bad("an id in capitals", {"datasets/0/id": "PVFT-T768"}, "datasets[0].id", _ID),
    _bad("an id without its dash", {"datasets/0/id": "pvftt768"}, "datasets[0].id", _ID),
    _bad("an id that SQL would run", {"datasets/0/id": "a'; drop"}, "datasets[0].id", _ID),
    _bad("one dataset twice", {"datasets": _TWO_DATASETS}, "datasets", "must name each id once",
         'spec.datasets[1]: Duplicate value: {"id":"pvft-t768"}'),
    _bad("a table with its schema", {"target/table": "public.requests"}, "target.table", _TABLE),
    _bad("a table that SQL would run", {"target/table": 'r"; drop table x; --'}, "target.table", _TABLE),
    _bad("a table that PostgreSQL would cut", {"target/table": "t" * 64}, "target.table", _TABLE),
    _bad("the bookkeeping's own schema", {"target/schema": "socratasync"}, "target.schema", _SCHEMA),
    _bad("PostgreSQL's own schema", {"target/schema": "pg_catalog"}, "target.schema", _SCHEMA),
    _bad("a key column with a quote", {"target/key": ['a"b']}, "target.key[0]", _COLUMN),
    _bad("a key column twice", {"target/key": ["a", "b", "a"]}, "target.key", "must name each column once"),
    _bad("a view with a database", {"refresh": {"materializedViews": ["db.public.v"]}},
         "refresh.materializedViews[0]", "must be a view's name, or schema.view"),
    _bad("a view twice", {"refresh": {"materializedViews": ["v", "v"]}}, "refresh.materializedViews",
         "must name each view once"),
    _bad("SQL both in the manifest and in a config map",
         {"refresh": {"sql": "SELECT 1", "sqlConfigMapRef": {"name": "app", "key": "after.sql"}}}, "refresh.sql",
         "must not be given beside sqlConfigMapRef: choose one of them"),
    _bad("no SQL", {"refresh": {"sql": ""}}, "refresh.sql", "must not be empty",
         "should be at least 1 chars long"),
    _bad("SQL that ends its transaction", {"refresh": {"sql": "SELECT 1;\n\nCOMMIT;"}}, "refresh.sql",
         "line 3: COMMIT: all statements are one transaction, which begins and ends by itself; take it out", None),
    _bad("a config map's key with a slash", {"refresh": {"sqlConfigMapRef": {"name": "app", "key": "a/b"}}},
         "refresh.sqlConfigMapRef.key", "must be a key within the config map: letters, digits, -, _ and ."),
    _bad("a secret in capitals", {"target/dsnSecretRef": {"name": "LA_311"}}, "target.dsnSecretRef.name",
         _OBJECT),
    _bad("a secret's key with a slash", {"target/dsnSecretRef": {"name": "db", "key": "a/b"}},
         "target.dsnSecretRef.key", "must be a key within the secret: letters, digits, -, _ and ."),
    # -- columns, fields, filters ----------------------------------------------------------------
    _bad("a label instead of a field", {"datasets/0/columns": {"srnumber": "Case Number"}},
         "datasets[0].columns[srnumber]", _FIELD_OR_PART),
    _bad("a part that no type has", {"datasets/0/columns": {"srnumber": "site.port"}},
         "datasets[0].columns[srnumber]", _FIELD_OR_PART),
    _bad("a part of a part", {"datasets/0/columns": {"srnumber": "site.url.url"}},
         "datasets[0].columns[srnumber]", _FIELD_OR_PART),
    _bad("a column mapped to what provenance fills", {"datasets/0/columns": {"socrata_id": "casenumber"}},
         "datasets[0].columns",
         "must not map socrata_dataset, socrata_id, socrata_updated_at: spec.target.provenance fills them"),
    _bad("a mapped column that fields does not list",
         {"datasets/0/columns": {"owner": "department"}, "target/fields": {"srnumber": ""}}, "datasets",
         "must map only columns that spec.target.fields lists: add them there, or take them out of columns"),
    _bad("a key that fields does not list", {"target/fields": {"status": "text"}}, "target.key",
         "must be columns that fields lists: add them to fields"),
    _bad("a key that nothing fills", {"target/key": ["socrata_id"], "target/provenance": False},
         "target.key", "must not name socrata_dataset, socrata_id, socrata_updated_at while provenance is "
         "false: nothing would fill them"),
    _bad("a type that SQL would run", {"target/fields": {"srnumber": "text; drop table x"}},
         "target.fields[srnumber]", _TYPE),
    _bad("a type with a default", {"target/fields": {"srnumber": "text default 'a'"}},
         "target.fields[srnumber]", _TYPE),
    _bad("a type for a column whose type fields says",
         {"target/fields": {"srnumber": "", "opened": "date"}, "target/types": {"opened": "timestamptz"}},
         "target.types",
         "must not name a column that fields lists: write its type there, and in one place"),
    _bad("a type for a column that fields lists without one",
         {"target/fields": {"srnumber": ""}, "target/types": {"srnumber": "integer"}}, "target.types",
         "must not name a column that fields lists: write its type there, and in one place"),
    _bad("a type for a column of provenance", {"target/types": {"socrata_updated_at": "timestamp"}},
         "target.types",
         "must not name socrata_dataset, socrata_id, socrata_updated_at: their types are fixed"),
    _bad("a single type that is empty", {"target/types": {"srnumber": ""}}, "target.types[srnumber]",
         _GIVEN),
    _bad("a single type that SQL would run", {"target/types": {"srnumber": "text; drop table x"}},
         "target.types[srnumber]", _GIVEN),
    _bad("a filter with its keyword", {"datasets/0/where": "WHERE status = 'Open'"}, "datasets[0].where",
         _WHERE),
    _bad("a filter with its parameter", {"datasets/0/where": "$where=status = 'Open'"},
         "datasets[0].where", _WHERE),
    _bad("a filter of blanks", {"datasets/0/where": "  "}, "datasets[0].where", _WHERE),
    _bad("a watermark with a blank", {"source": {"watermark": "Updated Date"}}, "source.watermark", _FIELD),
    # -- what contradicts ------------------------------------------------------------------------
    _bad("a year that no dataset has", {"years": [2019, 2031]}, "years",
         "must be years of spec.datasets: give the datasets their year, or take the year out"),
    *[
        _bad(title, {"follow": {"name": name}}, "follow.name",
             "must be a name at the portal with {year} once, where its year stands, and no other braces, such as "
             "MyLA311 Cases {year}")
        for title, name in (
            ("a name to follow without its year", "MyLA311 Cases"),
            ("a name to follow with two years", "MyLA311 Cases {year}-{year}"),
            ("a name to follow with another brace", "MyLA311 {month} {year}"),
            ("a year to follow without a name", " {year} "),
        )
    ],
    _bad("another way to adopt", {"follow": {"name": "Cases {year}", "adopt": "Always"}}, "follow.adopt",
         'must be Propose or Automatic, not "Always"', "supported values:"),
    _bad("to follow what has no year",
         {"datasets": [{"id": "pvft-t768"}], "follow": {"name": "Cases {year}"}}, "follow",
         "needs a dataset with a year, after which newer ones follow: give spec.datasets their year"),
    _bad("a year twice", {"years": [2019, 2019]}, "years", "must name each year once"),
    _bad("prune without provenance", {"target/prune": True, "target/provenance": False}, "target.prune",
         "needs provenance: true, which tells whose rows may be deleted"),
    _bad("prune and reset", {"target/prune": True, "target/reset": True}, "target.prune",
         "must not be true beside reset: a reset removes what is gone at the source anyway; choose one"),
    _bad("since with a full load", {"mode": "full", "since": "2024-01-01T00:00:00Z"}, "since",
         "bounds an update and means nothing with mode: full; take it out, or set mode: update"),
    # -- times -----------------------------------------------------------------------------------
    _bad("six cron fields", {"schedule": "0 0 7 * * *"}, "schedule", _CRON),
    _bad("four cron fields", {"schedule": "0 7 * *"}, "schedule", _CRON),
    _bad("minute 60", {"schedule": "60 7 * * *"}, "schedule", _CRON),
    _bad("an interval instead of cron", {"schedule": "@every 1h"}, "schedule", _CRON),
    _bad("a question mark in cron", {"schedule": "0 7 ? * *"}, "schedule", _CRON),
    _bad("a step of zero", {"schedule": "*/0 7 * * *"}, "schedule", _CRON),
    _bad("a zone within the schedule", {"schedule": "CRON_TZ=Asia/Tokyo 0 7 * * *"}, "schedule",
         "must not set a zone with TZ= or CRON_TZ=; write it in spec.timeZone"),
    _bad("a day that no month has", {"schedule": "0 7 31 2 *"}, "schedule",
         "never comes round: there is no such day, or a range runs backwards; correct it", None),
    _bad("a range of hours that runs backwards", {"schedule": "0 22-6 * * *"}, "schedule",
         "never comes round: there is no such day, or a range runs backwards; correct it", None),
    _bad("a zone that does not exist", {"timeZone": "America/Los_Angels"}, "timeZone", _ZONE),
    _bad("a zone's abbreviation", {"timeZone": "PST"}, "timeZone", _ZONE),
    _bad("an offset as a zone", {"timeZone": "+08:00"}, "timeZone", _ZONE),
    _bad("the machine's own zone", {"timeZone": "Local"}, "timeZone", _ZONE),
    _bad("a day without its time", {"since": "2024-01-01"}, "since", _SINCE),
    _bad("a moment without its zone", {"since": "2024-01-01T00:00:00"}, "since", _SINCE),
    _bad("a day that the calendar lacks", {"since": "2023-02-29T00:00:00Z"}, "since", _SINCE),
    *[_bad(f"the moment {text}, at an end of the calendar", {"since": text}, "since",
           "must lie in the years 2 to 9998; take it out for all that there is")
      for text in ["9999-12-31T23:59:59-23:59", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
                   "0001-12-31T23:59:59Z", "0000-01-01T00:00:00Z"]],
    *[_bad(f"{name} of {text or 'nothing'}", {f"source/timeouts/{name}": text}, f"source.timeouts.{name}",
           f"must be a duration from 1s to {longest}, such as 30s, 5m or 1m30s")
      for name, text, longest in [
          ("connect", "0s", "10m"), ("connect", "11m", "10m"), ("firstByte", "", "2h"), ("firstByte", "2h1s", "2h"),
          ("silence", "90", "2h"), ("silence", "1d", "2h"), ("page", "25h", "24h"), ("page", "-5m", "24h"),
          ("page", "99h9999m99999s", "24h"), ("page", "1h ", "24h"),
      ]],
    _bad("a first pause longer than the longest", {"retry": {"interval": "2h"}}, "retry.maxInterval",
         "must not be shorter than interval: raise it, or lower interval"),
    _bad("a pause of days", {"retry": {"maxInterval": "2d"}}, "retry.maxInterval",
         "must be a duration from 1s to 24h, such as 30s, 5m or 1m30s"),
    _bad("a time-out that is none", {"source": {"timeouts": {"read": "5m"}}}, "source.timeouts.read",
         "is not a field", 'unknown field "spec.source.timeouts.read"'),
    _bad("a lag without its unit", {"freshness": {"maxLag": "36"}}, "freshness.maxLag", _LAG),
    _bad("a lag of nothing", {"freshness": {"maxLag": "0h"}}, "freshness.maxLag", _LAG),
    _bad("a lag in words", {"freshness": {"maxLag": "two days"}}, "freshness.maxLag", _LAG),
    _bad("an age without its unit", {"freshness": {"sourceMaxAge": "4"}}, "freshness.sourceMaxAge", _LAG),
    # -- the rest --------------------------------------------------------------------------------
    _bad("a tolerance below zero", {"verify": {"tolerance": -1}}, "verify.tolerance", _TOLERANCE),
    _bad("a tolerance above everything", {"verify": {"tolerance": "101%"}}, "verify.tolerance", _TOLERANCE),
    _bad("a tolerance in words", {"verify": {"tolerance": "some"}}, "verify.tolerance", _TOLERANCE),
    _bad("a hook without its scheme", {"hooks": [{"url": "app.example.org/reload"}]}, "hooks[0].url",
         _ADDRESS),
    _bad("a hook with a password", {"hooks": [{"url": "https://me:secret@app.example.org/"}]},
         "hooks[0].url", _ADDRESS),
    _bad("a hook by another protocol", {"hooks": [{"url": "file:///etc/passwd"}]}, "hooks[0].url", _ADDRESS),
    _bad("an archive without its claim", {"archive": {"keepRuns": 3}}, "archive.persistentVolumeClaim",
         "is missing; write it", "spec.archive.persistentVolumeClaim: Required value"),
    _bad("a quantity with a blank", {"job": {"resources": {"limits": {"memory": "512 Mi"}}}},
         "job.resources.limits[memory]", _QUANTITY),
    _bad("a request above its limit",
         {"job": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "64Mi"}}}},
         "job.resources.requests", "must not be above limits: raise the limit or lower the request"),
    _bad("a variable that is the operator's",
         {"job": {"podTemplate": {"env": [{"name": "SOCRATASYNC_DSN", "value": "x"}]}}},
         "job.podTemplate.env[0].name", "must not begin with SOCRATASYNC_: the operator sets those"),
    _bad("a label that is the operator's",
         {"job": {"podTemplate": {"labels": {"socratasync.dev/sync": "x"}}}}, "job.podTemplate.labels",
         "must not set labels of socratasync.dev/ or app.kubernetes.io/: the operator sets them"),
    _bad("a mount at no absolute path",
         {"job": {"podTemplate": {"volumeMounts": [{"name": "ca", "mountPath": "etc/ca"}]}}},
         "job.podTemplate.volumeMounts[0].mountPath", "must be an absolute path, such as /etc/ca"),
    _bad("a mount at the root of everything", _mounted("/"), _MOUNT_PATH,
         "must be an absolute path, such as /etc/ca"),
    *(_bad(f"a mount that comes back to {path}", _mounted(path), _MOUNT_PATH, "must be a path without . and ..")
      for path in ("/etc/../usr", "/./opt")),
    *(_bad(f"a mount at {path}", _mounted(path), _MOUNT_PATH, "must not be in or above a folder of the image's")
      for path in ("/usr", "/opt/socratasync/lib", "/lib64", "/etc", "/etc/", "/etc/ld.so.preload", "/etc/ssl",
                   "/etc/ssl/openssl.cnf", "/etc/python3.13", "/etc/socratasync/dsn", "/tmp", "/tmp/", "/var",
                   "/var/lib/socratasync/archive", "/dev/shm", "/proc/1")),
    *(_bad(f"the variable {name}", {"job": {"podTemplate": {"env": [{"name": name, "value": "x"}]}}},
           "job.podTemplate.env[0].name", "must not be PATH or begin with PYTHON, LD_")
      for name in ("PATH", "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH", "GCONV_PATH",
                   "OPENSSL_CONF", "KRB5_CONFIG", "GSS_MECH_CONFIG", "SASL_PATH")),
]  # fmt: skip
