"""The types of names in a manifest: domains, datasets, tables, columns, Kubernetes objects, addresses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictStr

from socratasync.api.rules import Rule
from socratasync.api.times import matches

PROVENANCE_COLUMNS = ("socrata_dataset", "socrata_id", "socrata_updated_at")
"""The columns that ``target.provenance`` adds; no field of the dataset fills them."""

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = f"^{_LABEL}([.]{_LABEL})*(:[1-9][0-9]{{0,4}})?$"
DATASET_ID = "^[a-z0-9]{4}-[a-z0-9]{4}$"
_RELATION = "^[A-Za-z_][A-Za-z0-9_$]{0,62}$"
_VIEW = "^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$"
_RESERVED_SCHEMA = "^(pg_.*|information_schema|socratasync)$"
_SOURCE_FIELD = "^:?@?[a-z0-9_]+$"
PARTS = (
    "latitude",
    "longitude",
    "human_address",
    "url",
    "description",
    "file_id",
    "filename",
    "content_type",
    "phone_number",
    "phone_type",
)
"""The names that SoQL has for the parts of a location, point, url, document or phone."""
_FIELD_OR_PART = "^:?@?[a-z0-9_]+([.][a-z_]+)?$"
"""The names of parts are a rule of their own: with them in the pattern the API server finds it too dear."""
_NO_FIELD_OR_PART = (
    "must be a field's API name, such as casenumber or :updated_at: lower-case letters, digits and _, not "
    f"the label that the portal shows; or a part of one, such as location.latitude ({', '.join(PARTS)})"
)
_OBJECT = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_FILE_NAME = "^[-._a-zA-Z0-9]+$"
_ADDRESS = "^https?://[^/?#@ ]+([/?#][^ ]*)?$"
_TYPE = (
    "^([A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)?( [A-Za-z]+)*"
    "([(][A-Za-z0-9]+(, ?[0-9]+)?[)])?( [A-Za-z]+)*(\\[\\])?)?$"
)


def shaped(shape: str, message: str) -> Rule:
    """The rule that the whole text matches a pattern, which RE2 (the API server) and Python both read."""
    return Rule(
        message=message,
        holds=lambda text: matches(shape, text),
        cel=f"self.matches(r'{shape}')",
    )


def distinct(message: str) -> Rule:
    """The rule that a list names nothing twice."""
    return Rule(
        message=message,
        holds=lambda items: len(set(items)) == len(items),
        cel="self.all(x, self.exists_one(y, x == y))",
    )


Domain = Annotated[
    StrictStr,
    Field(min_length=1, max_length=253),
    shaped(
        _DOMAIN,
        "must be a host, such as data.lacity.org, with :port if need be; "
        "without https:// and without a path",
    ),
]


def portal_of(domain: str) -> str:
    """The one way to write the portal that a domain names: hosts are compared without case, and 443 is
    the port of every one that names none."""
    return domain.lower().removesuffix(":443")


DatasetId = Annotated[
    StrictStr,
    Field(max_length=64),
    shaped(
        DATASET_ID,
        "must be the dataset's 4x4 id, such as rq3b-xjk8: the last part of its page's address",
    ),
]
TableName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=255),
    shaped(
        _RELATION,
        "must be the table's name alone: letters, digits and _, not a digit first, at most 63; "
        "its schema goes into spec.target.schema",
    ),
]
SchemaName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=255),
    shaped(
        _RELATION,
        "must be the name of a schema: letters, digits and _, not a digit first, at most 63",
    ),
    Rule(
        message="is reserved; choose another schema than pg_*, information_schema and socratasync",
        holds=lambda text: not matches(_RESERVED_SCHEMA, text),
        cel=f"!self.matches('{_RESERVED_SCHEMA}')",
    ),
]
ViewName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=127),
    shaped(_VIEW, "must be a view's name, or schema.view"),
]
ColumnName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=63),
    Rule(
        message="must be a column's name of at most 63 bytes, without quotes or control characters",
        holds=lambda text: is_column_name(text),
        cel="""self.matches('^[^"\\\\x00-\\\\x1f]+$')""",
    ),
]
SourceField = Annotated[
    StrictStr,
    Field(min_length=1, max_length=128),
    shaped(
        _SOURCE_FIELD,
        "must be a field's API name, such as casenumber or :updated_at: "
        "lower-case letters, digits and _, not the label that the portal shows",
    ),
]
FieldOrPart = Annotated[
    StrictStr,
    Field(min_length=1, max_length=128),
    shaped(_FIELD_OR_PART, _NO_FIELD_OR_PART),
    Rule(
        message=_NO_FIELD_OR_PART,
        holds=lambda path: "." not in path or path.partition(".")[2] in PARTS,
        cel=f"!self.contains('.') || self.split('.')[1] in {list(PARTS)}",
    ),
]
ColumnType = Annotated[
    StrictStr,
    Field(max_length=63),
    shaped(
        _TYPE,
        "must be a PostgreSQL type, such as text, integer, numeric(10,2) or timestamp with time zone, "
        'or "" to take it from the dataset',
    ),
]
GivenType = Annotated[
    StrictStr,
    Field(max_length=63),
    shaped(
        f"^{_TYPE[2:-3]}$",
        "must be a PostgreSQL type, such as text, integer, numeric(10,2) or timestamp with time zone",
    ),
]
ObjectName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=253),
    shaped(_OBJECT, "must be an object's name: lower-case letters, digits, - and ."),
]
SecretKey = Annotated[
    StrictStr,
    Field(min_length=1, max_length=253),
    shaped(_FILE_NAME, "must be a key within the secret: letters, digits, -, _ and ."),
]
ConfigMapKey = Annotated[
    StrictStr,
    Field(min_length=1, max_length=253),
    shaped(_FILE_NAME, "must be a key within the config map: letters, digits, -, _ and ."),
]
Address = Annotated[
    StrictStr,
    Field(min_length=1, max_length=2048),
    shaped(
        _ADDRESS,
        "must be an address such as https://app.example.org/reload, with no password in it: "
        "credentials go into headersSecretRef",
    ),
]


def is_column_name(text: str) -> bool:
    """Whether PostgreSQL takes the name (1 to 63 bytes) and it has no quotes or control characters,
    which PostgreSQL would take but which are always mistakes."""
    return (
        0 < len(text.encode()) <= 63
        and '"' not in text
        and all(ord(letter) >= 32 for letter in text)
    )
