"""What is wrong with a DSN is told with what to write instead, and nothing of it is quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from socratasync.errors import InvalidSpec
from socratasync.pipeline.target.dsn import read_dsn

SECRET = "hunter2"
CLEAN = {"HOME": "/nonexistent"}

BAD = [
    # what is written, what to write instead
    ("", "write postgresql://user:password@host:5432/database"),
    (f"'postgresql://joe:{SECRET}@db/city'", "stands in quotes"),
    (f'"postgresql://joe:{SECRET}@db/city"', "stands in quotes"),
    (f"DATABASE_URL=postgresql://joe:{SECRET}@db/city", "begins with a variable's name"),
    (f"export PG='postgresql://joe:{SECRET}@db/city'", "begins with a variable's name"),
    (f"postgresql://joe:{SECRET}@db/city\npassword: x", "write it on one line"),
    (f"jdbc:postgresql://db:5432/city?user=joe&password={SECRET}", "Java's driver"),
    (f"postgresql+psycopg2://joe:{SECRET}@db/city", "write postgresql:// without it"),
    (f"postgresql+asyncpg://joe:{SECRET}@db/city", "write postgresql:// without it"),
    (f"PostgreSQL://joe:{SECRET}@db/city", "in small letters"),
    (f"postgresql:joe:{SECRET}@db/city", "does not begin with postgresql://"),
    (f"mysql://joe:{SECRET}@db/city", "is no address of PostgreSQL"),
    (f"joe:{SECRET}@db/city", "cannot be read|is no address of a database"),
    ("city", "is no address of a database"),
    (f"postgresql://joe:{SECRET}@ss@db/city", "an @ of the password as %40"),
    (f"postgresql://joe:{SECRET}/ss@db/city", "a / of the password as %2F"),
    (f"postgresql://joe:{SECRET}@a/b@db/city", "an @ of the password as %40"),
    (f"postgresql://joe:{SECRET}%zz@db/city", "a % of the password as %25"),
    (f"postgresql://joe:{SECRET}%@db/city", "a % of the password as %25"),
    (f"postgresql://joe:{SECRET}%00@db/city", "a % of the password as %25"),
    (f"postgresql://joe:{SECRET} x@db/city", "a blank of the password as %20"),
    (f"postgresql://joe:{SECRET}@::1:5432/city", r"in brackets, as \[::1\]:5432"),
    (f"postgresql://joe:{SECRET}@[::1/city", r"a \[ without a \]"),
    (f"postgresql://joe:{SECRET}@db:port/city", "from 1 to 65535"),
    (f"postgresql://joe:{SECRET}@db:99999/city", "from 1 to 65535"),
    (f"postgresql://joe:{SECRET}@db/city?pgbouncer=true", "pgbouncer.*take it out"),
    (f"postgresql://joe:{SECRET}@db/city?schema=civic", "spec.target.schema"),
    (f"postgresql://joe:{SECRET}@db/city?connection_limit=5", "spec.parallelism"),
    (f"postgresql://db/city?user=joe&password={SECRET}&{SECRET}x", "cannot be read"),
    (f"postgresql://joe:{SECRET}@db/city?sslmode=verify_full", "one of disable, allow, prefer"),
    (f"postgresql://joe:{SECRET}@db/city?sslmode=true", "one of disable, allow, prefer"),
    (f"postgresql://joe:{SECRET}@db/city?target_session_attrs=master", "read-write"),
    (f"postgresql://joe:{SECRET}@db/city?connect_timeout=10s", "no whole number"),
    (f"postgresql://joe:{SECRET}@/city", "names no host"),
    ("postgresql:///city", "names no host"),
    (f"user=joe password={SECRET} dbname=city", "names no host"),
    (f"host=db passwort={SECRET}", "cannot be read"),
    (f"host=db password='{SECRET}", "cannot be read"),
    (f"postgresql://joe:{SECRET}@db/city?sslrootcert=/nowhere/ca.crt", "/nowhere/ca.crt: No such"),
    (f"postgresql://joe:{SECRET}@db/city?sslmode=verify-full", "no sslrootcert"),
    (
        f"postgresql://joe:{SECRET}@db/city?sslmode=require&sslrootcert=system",
        "sslmode=verify-full",
    ),
    (f"postgresql://joe:{SECRET}@db/city?sslcert=/nowhere/tls.crt", "as sslcert"),
    (f"postgresql://joe:{SECRET}@db/city?sslkey=/nowhere/tls.key", "as sslkey"),
    (f"postgresql://joe:{SECRET}@db/city?sslrootcert=/etc/hostname", "holds no certificate"),
]


@pytest.mark.parametrize(("dsn", "said"), BAD)
def test_a_dsn_that_cannot_be_used_is_told_with_what_to_write(
    dsn: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")

    with pytest.raises(InvalidSpec, match=said) as caught:
        read_dsn(dsn, {})

    assert caught.value.exit_code == 78
    assert SECRET not in f"{caught.value.message} {caught.value.__cause__}"


GOOD = [
    ("postgres://joe:p@db/city", {"host": "db", "password": "p"}),
    (" postgresql://joe:p@db/city\r\n", {"host": "db", "dbname": "city"}),
    ("postgresql://joe:p#s?s@db/city", {"password": "p#s?s", "host": "db"}),
    ("postgresql://joe:p%40%2F%25@db:6432/city", {"password": "p@/%", "port": "6432"}),
    ("postgresql://joe:p@[::1]:5432/city", {"host": "::1"}),
    ("postgresql://joe:p@[::1]:5432,db:5433/city", {"host": "::1,db", "port": "5432,5433"}),
    ("postgresql://db/city?sslrootcert=system", {"sslrootcert": "system"}),
    ("postgresql://db/city?sslmode=require", {"sslmode": "require"}),
    ("host=/run/postgresql dbname=city", {"host": "/run/postgresql"}),
    ("host=db password='p w\\'s'", {"password": "p w's"}),
    ("postgresql:///city?host=/run/postgresql", {"host": "/run/postgresql"}),
    ("service=city", {"service": "city"}),
]


@pytest.mark.parametrize(("dsn", "settings"), GOOD)
def test_a_dsn_that_libpq_takes_is_taken(dsn: str, settings: dict[str, str]) -> None:
    found = read_dsn(dsn, {})

    assert {name: found[name] for name in settings} == settings


def test_what_the_environment_says_counts_as_written() -> None:
    assert read_dsn("dbname=city", {"PGHOST": "db"}) == {"dbname": "city"}
    with pytest.raises(InvalidSpec, match="/nowhere"):
        read_dsn("host=db", {"PGSSLROOTCERT": "/nowhere"})


def test_certificates_that_are_there_are_taken_and_a_key_that_others_may_read_is_not(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("joe@city.example")
    files = {name: tmp_path / name for name in ("sslrootcert", "sslcert", "sslkey")}
    authority.cert_pem.write_to_path(str(files["sslrootcert"]))
    mine.cert_chain_pems[0].write_to_path(str(files["sslcert"]))
    mine.private_key_pem.write_to_path(str(files["sslkey"]))
    dsn = "host=db sslmode=verify-full " + " ".join(f"{n}={file}" for n, file in files.items())

    files["sslkey"].chmod(0o644)
    with pytest.raises(InvalidSpec, match="run chmod 600"):
        read_dsn(dsn, {})

    files["sslkey"].chmod(0o600)
    assert read_dsn(dsn, {})["sslkey"] == str(files["sslkey"])
