"""Makes the bookkeeping, brings an older one up to date, and refuses one that is too new to be used.

For whoever adds a migration; ``docs/operations.md`` promises users what follows from it:

* Append it to ``MIGRATIONS``. One that was released never changes.
* It only adds: tables, indexes, columns that may be null or have a default. A run of the release before
  may be under way meanwhile, and users may go back to that release.
* What only older releases need may be removed one release later, by a migration whose ``usable_from``
  is the first version that does without it.
* It may run again (``IF NOT EXISTS``): where somebody dropped a table, all of them do.
* Programs of version 1 read every column of ``checkpoints`` and know ten: it gets no other before
  ``usable_from`` is 2.
* The view ``freshness`` is what other programs read: its columns stay. A column that it reads can neither be dropped
  nor get another type while it is there: a migration that wants to, drops the view before, and makes it again after.
* Readers find an older bookkeeping, too: ``plan``, ``status`` and a run's planning read before anything
  is migrated. A new column's field needs a default in ``bookkeeping``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import LiteralString

from psycopg import errors as pg
from psycopg.rows import class_row

from socratasync import __version__
from socratasync.errors import PermissionDenied, TargetMismatch
from socratasync.pipeline.target import grants
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("migrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step to the next version. Programs that know version ``usable_from`` can use the result."""

    statement: LiteralString
    usable_from: int


MIGRATIONS: tuple[Migration, ...] = (
    Migration(statement=_SQL["create_bookkeeping"], usable_from=1),
    Migration(statement=_SQL["create_versions"], usable_from=1),
    Migration(statement=_SQL["create_outranked"], usable_from=1),
    Migration(statement=_SQL["create_counts"], usable_from=1),
    Migration(statement=_SQL["create_adoptions"], usable_from=1),
    Migration(statement=_SQL["log_checkpoints"], usable_from=1),
    Migration(statement=_SQL["create_freshness"], usable_from=1),
)
"""The n-th makes version n; the last one is the version that this program knows."""

_WITHOUT_OUTRANKED = 2
_WITHOUT_COUNTS = 3
_WITHOUT_ADOPTIONS = 4
_WITHOUT_FRESHNESS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is there. ``version``: 0 where there are no tables. Role and owner are quoted for SQL."""

    role: str
    owner: str
    has_tables: bool
    has_versions: bool
    has_outranked: bool
    has_counts: bool
    has_adoptions: bool
    has_freshness: bool
    readable: bool
    writable: bool
    version: int = 0
    usable_from: int = 1
    release: str = ""


def bookkeeping_exists(
    connection: Connection, migrations: Sequence[Migration] = MIGRATIONS
) -> bool:
    """Whether there is a bookkeeping, of this version or an older one. Writes nothing. Raises
    ``TargetMismatch`` if it is too new, ``PermissionDenied`` if this role may not read it."""
    found = _look(connection, len(migrations))
    return found is not None and found.has_tables


def bring_up_to_date(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the bookkeeping, or migrate it, in one transaction; a current one is left as it is.

    Raises ``TargetMismatch`` if it is too new, ``PermissionDenied`` with what to run, and
    ``LockNotAvailable`` of the driver if others keep a table locked: the same run may succeed later.
    """
    newest = len(migrations)
    found = _look(connection, newest)
    if not _is_usable(connection, found, newest):
        try:
            with connection.transaction():
                connection.execute(_SQL["take_lock"])
                _migrate(connection, migrations)
        except pg.InsufficientPrivilege as exc:
            raise _way_out(connection, found, newest) from exc


def _migrate(connection: Connection, migrations: Sequence[Migration]) -> None:
    """In the transaction that holds the lock: another program may just have done the same."""
    newest = len(migrations)
    found = _look(connection, newest)
    if _is_usable(connection, found, newest):
        return
    if found is None:
        connection.execute(_SQL["create_schema"])
    for migration in migrations[found.version if found else 0 :]:
        connection.execute(migration.statement)
    last = {"version": newest, "usable_from": migrations[-1].usable_from, "release": __version__}
    connection.execute(_SQL["record_version"], last)


def _look(connection: Connection, newest: int) -> _Found | None:
    """What is there; None without a schema. Raises what ``bookkeeping_exists`` does."""
    with connection.cursor(row_factory=class_row(_Found)) as cursor:
        found = cursor.execute(_SQL["find_tables"]).fetchone()
    if found is None:
        return None
    if (found.has_tables or found.has_versions) and not found.readable:
        raise grants.lacks(connection, grants.for_bookkeeping(connection))
    row = connection.execute(_SQL["read_version"]).fetchone() if found.has_versions else None
    version, usable_from, release = row or (1, 1, "")
    if usable_from > newest or (version > newest and not found.has_tables):
        raise TargetMismatch(
            f"the bookkeeping in schema socratasync is of version {version}, made by Socrata Sync "
            f"{release}; this is {__version__}, which knows version {newest}. Use {release} or later "
            "for this database; docs/operations.md says how to go back"
        )
    return replace(found, version=_complete_to(found, version))


def _complete_to(found: _Found, version: int) -> int:
    """The version up to which everything is there: what somebody dropped is made again."""
    if not found.has_tables:
        return 0
    if not found.has_outranked:
        return min(version, _WITHOUT_OUTRANKED)
    if not found.has_counts:
        return min(version, _WITHOUT_COUNTS)
    if not found.has_adoptions:
        return min(version, _WITHOUT_ADOPTIONS)
    return version if found.has_freshness else min(version, _WITHOUT_FRESHNESS)


def _is_usable(connection: Connection, found: _Found | None, newest: int) -> bool:
    """Whether a run can write the bookkeeping as it is. Raises ``PermissionDenied`` if this role may
    not, though the tables are there."""
    if found is None or not found.has_tables:
        return False
    if not found.writable:
        raise grants.lacks(connection, grants.for_bookkeeping(connection))
    return found.version >= newest


def _way_out(connection: Connection, found: _Found | None, newest: int) -> PermissionDenied:
    """What somebody with more rights must run, since this role may not."""
    if (statements := grants.for_bookkeeping(connection)) or found is None:
        return grants.lacks(connection, statements)
    return PermissionDenied(
        f"the bookkeeping is of version {found.version}, and only the owner of its tables, "
        f"{found.owner}, may bring it to version {newest}. Run this sync once as that role, or have an "
        f"administrator run: GRANT {found.owner} TO {found.role}"
    )
