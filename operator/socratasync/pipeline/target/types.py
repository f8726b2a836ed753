"""PostgreSQL types as people write them: which texts are types at all, and which mean the same; and
tables' names as statements want them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from psycopg import sql

from socratasync.errors import InvalidSpec

_WORD = r'([a-z_][a-z0-9_$]*|"([^"\0]|"")+")'

_LENGTH = r"(\([a-z0-9]+(, ?-?[0-9]+)?\))"

_FIELD = "(year|month|day|hour|minute|second)"

_TYPE = re.compile(
    rf"({_WORD}(\.{_WORD})?{_LENGTH}?|double precision|(character|bit) varying{_LENGTH}?"
    rf"|time(stamp)?{_LENGTH}? with(out)? time zone|interval {_FIELD}( to {_FIELD})?{_LENGTH}?)(\[\])*",
    re.IGNORECASE | re.ASCII,
)
"""Types as people write them and as ``format_type`` does; no more words, which could be constraints."""

_SERIAL = re.compile("(small|big)?serial[248]?", re.IGNORECASE)


Relation = sql.Identifier
"""A table's or view's qualified name, as statements are composed with it."""


def relation(schema: str, name: str) -> Relation:
    """The name, quoted."""
    return sql.Identifier(schema, name)


def quoted(name: str) -> str:
    """The name as SQL wants it, for a statement that a person is told to run."""
    return sql.Identifier(name).as_string()


def type_sql(pg_type: str, path: str = "spec.target.fields") -> sql.SQL:
    """A column type as SQL. Raises ``InvalidSpec`` for anything that is not plainly a type; ``path``: where the
    manifest has it."""
    if not _TYPE.fullmatch(pg_type):
        raise InvalidSpec(
            f"{path}: {pg_type!r} is not a PostgreSQL type; write one such as text, "
            "integer, numeric(10,2) or timestamp with time zone"
        )
    if _SERIAL.fullmatch(pg_type):
        raise InvalidSpec(
            f"{path}: {pg_type} counts by itself and takes no nulls; write integer or bigint"
        )
    return sql.SQL(pg_type)


_MODIFIER = re.compile(r"\s*\(.*\)")

_NORMAL_TYPES = {
    "int": "integer",
    "int4": "integer",
    "serial": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "bigserial": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float": "double precision",
    "float8": "double precision",
    "decimal": "numeric",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "time": "time without time zone",
    "timetz": "time with time zone",
}


def bare_type(pg_type: str) -> str:
    """The type's one name, without length or precision: ``varchar(20)`` → ``character varying``."""
    bare = " ".join(_MODIFIER.sub("", pg_type.lower()).split())
    return _NORMAL_TYPES.get(bare, bare)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spatial:
    """A type of PostGIS. ``schema``: where its functions are, "" on the search path. ``kind``: the only kind of geometry
    that it takes, such as POINT; "" for any. ``srid``: of its coordinates; 0 if it does not say."""

    schema: str
    kind: str = ""
    srid: int = 0

    def function(self, name: str) -> sql.Identifier:
        """One of PostGIS's functions."""
        return sql.Identifier(self.schema, name) if self.schema else sql.Identifier(name)


_SPATIAL = re.compile(
    rf"((?P<schema>{_WORD})\.)?geometry(\((?P<kind>[a-z]+)(, ?(?P<srid>-?[0-9]+))?\))?",
    re.IGNORECASE | re.ASCII,
)


def spatial(pg_type: str) -> Spatial | None:
    """What there is to know of PostGIS's ``geometry``; None for any other type."""
    found = _SPATIAL.fullmatch(pg_type)
    if not found:
        return None
    schema, kind = found["schema"] or "", (found["kind"] or "").upper()
    return Spatial(
        schema=schema[1:-1].replace('""', '"') if schema.startswith('"') else schema.lower(),
        kind="" if kind == "GEOMETRY" else kind,
        srid=int(found["srid"] or 0),
    )


DECIMALS = 12
"""Of a coordinate that are compared: as many as SODA3 writes. A degree's twelfth is a tenth of a thousandth of a
millimetre."""


def compared(value: sql.Composable, pg_type: str) -> sql.Composable:
    """The value of that type as it is compared with another: equal texts, or equal values, mean the same."""
    if where := spatial(pg_type):
        return sql.SQL("{}({}, {})").format(
            where.function("st_astext"), value, sql.Literal(DECIMALS)
        )
    return value if is_compared_directly(pg_type) else sql.SQL("{}::text").format(value)


_COMPARED_DIRECTLY = frozenset(
    "text,character varying,character,smallint,integer,bigint,numeric,real,double precision,boolean,"
    "date,timestamp without time zone,timestamp with time zone,time without time zone,interval,"
    "time with time zone,uuid,jsonb,inet,cidr,macaddr,bytea,money".split(",")
)


def is_compared_directly(pg_type: str) -> bool:
    """Whether the type's ``=`` exists and means the same value. Others (json has none, citext's ignores
    case, a box's compares areas) are compared as text."""
    return bare_type(pg_type) in _COMPARED_DIRECTLY
