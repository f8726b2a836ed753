"""``spec.target.dsnFrom``: the connection in parts, as other operators' secrets have them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr

from socratasync.api.names import shaped
from socratasync.api.rules import Block, Rule
from socratasync.api.secrets import ConfigMapKeyRef, SecretKeyRef

PartText = Annotated[
    StrictStr,
    Field(min_length=1, max_length=253),
    shaped("^[^\\x00-\\x20]+$", "must be one word, without blanks and line breaks"),
]

_ONE_OF_TWO = "must be given, or secretKeyRef, and not both"


class TextPart(Block):
    """A part of the connection that may be told: written here, or a key of a secret."""

    rules = (
        Rule(
            message=_ONE_OF_TWO,
            holds=lambda part: (part.value is None) != (part.secret_key_ref is None),
            cel="has(self.value) != has(self.secretKeyRef)",
            field="value",
        ),
    )

    value: PartText | None = None
    """What it is."""
    secret_key_ref: SecretKeyRef | None = None
    """The secret's key that holds it."""


class PortPart(Block):
    """The port: written here, or a key of a secret."""

    rules = TextPart.rules

    value: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    """What it is."""
    secret_key_ref: SecretKeyRef | None = None
    """The secret's key that holds it."""


class SecretPart(Block):
    """A part of the connection that only a secret may hold."""

    secret_key_ref: SecretKeyRef
    """The secret's key that holds it."""


class Authorities(Block):
    """Certificates of authorities, in PEM: a key of a secret or of a config map."""

    rules = (
        Rule(
            message="must be given, or configMapKeyRef, and not both",
            holds=lambda part: (part.secret_key_ref is None) != (part.config_map_key_ref is None),
            cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            field="secretKeyRef",
        ),
    )

    secret_key_ref: SecretKeyRef | None = None
    """The secret's key that holds them, such as ca.crt."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """The config map's key that holds them."""


class DsnFrom(Block):
    """The connection in parts."""

    rules = (
        Rule(
            message="must be given with sslkey, and sslkey with it: they are the two halves of a client's "
            "certificate",
            holds=lambda dsn: (dsn.sslcert is None) == (dsn.sslkey is None),
            cel="has(self.sslcert) == has(self.sslkey)",
            field="sslcert",
        ),
        Rule(
            message="must be given with sslmode verify-ca and verify-full: what the server's certificate is "
            "verified by",
            holds=lambda dsn: (
                dsn.sslrootcert is not None or dsn.sslmode not in ("verify-ca", "verify-full")
            ),
            cel="has(self.sslrootcert) || !has(self.sslmode) || !(self.sslmode in ['verify-ca', 'verify-full'])",
            field="sslrootcert",
        ),
    )

    host: TextPart
    """The server's name or address, such as db-rw, or db-rw.databases.svc in another namespace."""
    port: PortPart | None = None
    """The server's port. Left out: 5432."""
    user: TextPart
    """The role."""
    password: SecretPart | None = None
    """The role's password. Left out where a client's certificate stands for it."""
    dbname: TextPart
    """The database."""
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = (
        None
    )
    """Whether the connection is encrypted, and the server verified, as libpq names it. Left out: prefer; with
    sslrootcert write verify-full."""
    sslrootcert: Authorities | None = None
    """The authorities that sign the server's certificate."""
    sslcert: SecretPart | None = None
    """The client's certificate, in PEM, such as tls.crt."""
    sslkey: SecretPart | None = None
    """The key of the client's certificate, such as tls.key."""
