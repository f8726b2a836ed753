"""The connection in parts arrives as it was meant: spec → a Job's variables and files → DSN."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from socratasync.api.dsn import DsnFrom
from socratasync.contract.dsn_parts import certificate_sources, read_parts, write_parts
from socratasync.contract.environment import read_secrets, redactor

SECRETS = {
    "app": {"host": "db-rw", "port": "6432", "user": "joe", "pw": " p'w\\d ", "dbname": "city"},
    "mine": {"tls.crt": "CERTIFICATE", "tls.key": "KEY"},
}


def of(key: str, secret: str = "app") -> dict[str, Any]:
    return {"secretKeyRef": {"name": secret, "key": key}}


def as_started(env: list[dict[str, Any]]) -> dict[str, str]:
    """The variables as the kubelet gives them to the container."""
    started = {}
    for entry in env:
        value = entry.get("value")
        if value is None:
            found = entry["valueFrom"]["secretKeyRef"]
            value = SECRETS[found["name"]][found["key"]]
        started[entry["name"]] = value
    return started


@pytest.mark.parametrize(
    ("parts", "settings"),
    [
        pytest.param(
            {
                "host": of("host"),
                "port": of("port"),
                "user": of("user"),
                "password": of("pw"),
                "dbname": of("dbname"),
            },
            {
                "host": "db-rw",
                "port": "6432",
                "user": "joe",
                "password": " p'w\\d ",
                "dbname": "city",
            },
            id="each of a secret",
        ),
        pytest.param(
            {
                "host": {"value": "::1"},
                "port": {"value": 5432},
                "user": {"value": "joe"},
                "dbname": {"value": "it's"},
                "sslmode": "verify-full",
                "sslrootcert": {"configMapKeyRef": {"name": "ca", "key": "all.pem"}},
                "sslcert": of("tls.crt", "mine"),
                "sslkey": of("tls.key", "mine"),
            },
            {
                "host": "::1",
                "port": "5432",
                "user": "joe",
                "dbname": "it's",
                "sslmode": "verify-full",
                "sslrootcert": "/etc/socratasync/dsn/sslrootcert",
                "sslcert": "/etc/socratasync/dsn/sslcert",
                "sslkey": "/etc/socratasync/dsn/sslkey",
            },
            id="each written, certificates by reference",
        ),
    ],
)
def test_parts_of_a_manifest_become_the_dsn(parts: dict[str, Any], settings: object) -> None:
    environ = as_started(list(write_parts(DsnFrom.model_validate(parts))))

    dsn = read_secrets(environ).dsn

    assert dsn is not None
    assert conninfo_to_dict(dsn) == settings


def test_certificates_are_files_of_one_folder() -> None:
    parts = {
        "host": {"value": "db"},
        "user": {"value": "joe"},
        "dbname": {"value": "city"},
        "sslrootcert": {"configMapKeyRef": {"name": "ca", "key": "all.pem"}},
        "sslcert": of("tls.crt", "mine"),
        "sslkey": of("tls.key", "mine"),
    }

    assert certificate_sources(DsnFrom.model_validate(parts)) == [
        {"configMap": {"name": "ca", "items": [{"key": "all.pem", "path": "sslrootcert"}]}},
        {"secret": {"name": "mine", "items": [{"key": "tls.crt", "path": "sslcert"}]}},
        {"secret": {"name": "mine", "items": [{"key": "tls.key", "path": "sslkey"}]}},
    ]


@given(st.text(st.characters(min_codepoint=1, codec="utf-8"), min_size=3).filter(str.strip))
def test_every_password_comes_through_and_shows_nowhere(password: str) -> None:
    environ = {"SOCRATASYNC_DSN_HOST": "db\n", "SOCRATASYNC_DSN_PASSWORD": password}
    meant = password.strip("\r\n")

    dsn = read_parts(environ)

    assert dsn is not None
    assert conninfo_to_dict(dsn) == {"host": "db", "password": meant}
    if len(meant) >= 3:
        assert meant not in redactor(environ)(f"connected with {meant}.")


def test_a_whole_dsn_counts_instead_of_the_parts_and_no_parts_are_none() -> None:
    whole = {"SOCRATASYNC_DSN": "postgresql://db/x", "SOCRATASYNC_DSN_HOST": "other"}

    assert read_secrets(whole).dsn == "postgresql://db/x"
    assert read_parts({"SOCRATASYNC_DSN": "postgresql://db/x", "SOCRATASYNC_DSN_HOST": " "}) is None
