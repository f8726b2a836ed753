"""References to secrets in the resource's namespace: names and keys, never values."""

from __future__ import annotations

from socratasync.api.names import ConfigMapKey, ObjectName, SecretKey
from socratasync.api.rules import Block


class DsnSecretRef(Block):
    """The secret that holds the target's connection string."""

    name: ObjectName
    """Name of the secret."""
    key: SecretKey = "dsn"
    """Key within the secret; its value is postgresql://user:password@host/database."""


class SecretKeyRef(Block):
    """One key of a secret."""

    name: ObjectName
    """Name of the secret."""
    key: SecretKey
    """Key within the secret."""


class ConfigMapKeyRef(Block):
    """One key of a config map."""

    name: ObjectName
    """Name of the config map."""
    key: ConfigMapKey
    """Key within the config map."""


class AppTokenSecretRef(Block):
    """The secret that holds a Socrata app token."""

    name: ObjectName
    """Name of the secret."""
    key: SecretKey = "token"
    """Key within the secret."""


class CredentialsSecretRef(Block):
    """The secret that opens private datasets: a user and a password, or an API key's id and secret."""

    name: ObjectName
    """Name of the secret."""
    username_key: SecretKey = "username"
    """Key of the user name or API key id."""
    password_key: SecretKey = "password"  # noqa: S105 - a key's name, not a password
    """Key of the password or API key secret."""


class WebhookSecretRef(Block):
    """The secret that holds an address to write to. Whoever has it may write there, so all of it is secret."""

    name: ObjectName
    """Name of the secret."""
    key: SecretKey = "url"
    """Key within the secret."""


class HeadersSecretRef(Block):
    """A secret whose keys are the names of HTTP headers and whose values are theirs."""

    name: ObjectName
    """Name of the secret."""
