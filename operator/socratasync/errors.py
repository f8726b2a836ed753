"""Every failure that a user can meet, named by what happens next.

::

    SyncError
    ├── TryAgain            exit 75: the same run may succeed later; the Job retries it
    │   ├── SourceUnavailable
    │   │   └── SourceTooSlow
    │   ├── InterfaceChanged
    │   ├── SourceThrottled
    │   ├── TargetUnavailable
    │   ├── TargetBusy
    │   ├── DeadlineExceeded
    │   └── HookFailed
    ├── DataRefused         exit 65: the source's data is not what was agreed; a person looks
    │   ├── SchemaChanged
    │   ├── RowCountMismatch
    │   └── BadValue
    ├── NotAllowed          exit 77: a token, a password or a grant is missing
    │   ├── AppTokenRequired
    │   ├── InvalidAppToken
    │   ├── AuthenticationFailed
    │   └── PermissionDenied
    ├── Misconfigured       exit 78: the manifest or the target must be changed
    │   ├── InvalidSpec
    │   ├── InvalidRequest
    │   ├── InvalidSchedule
    │   ├── DatasetNotFound
    │   ├── InvalidQuery
    │   ├── TargetMismatch
    │   └── PoolerUnsupported
    └── Unexpected          exit 70, reason InternalError: a mistake in the program

``Terminated`` stands outside: it is SIGTERM arriving, exit 143, and is nobody's fault.
The ``reason`` of each class is stable: conditions, reports and alerts carry it.
"""

from __future__ import annotations

from typing import ClassVar


class SyncError(Exception):
    """A failure with a stable reason, an exit code (sysexits) and a sentence to act on."""

    exit_code: ClassVar[int] = 70
    reported_as: ClassVar[str] = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def reason(self) -> str:
        """CamelCase name for conditions and reports."""
        return self.reported_as or type(self).__name__


class Unexpected(SyncError):
    """An internal error: a mistake in this program. The log has its traceback."""

    reported_as = "InternalError"

    @classmethod
    def because_of(cls, exc: Exception) -> Unexpected:
        """The error for an exception that nobody foresaw."""
        return cls(f"internal error ({type(exc).__name__}: {exc}); please report it with the log")


class TryAgain(SyncError):
    """Nothing is wrong with the manifest: the same run may succeed later."""

    exit_code = 75

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the other side asked to wait, if it did."""


class SourceUnavailable(TryAgain):
    """Socrata did not answer, answered 5xx, or cut the answer short too often."""


class SourceTooSlow(SourceUnavailable):
    """Socrata gave up on the query (408): a smaller page may pass."""

    reported_as = "SourceUnavailable"


class InterfaceChanged(TryAgain):
    """A dataset is read by Socrata's other interface from now on: what was read by the first is read anew."""


class SourceThrottled(TryAgain):
    """Socrata asked us to slow down (429) for longer than a run can wait."""


class TargetUnavailable(TryAgain):
    """PostgreSQL could not be reached, or the connection was lost."""


class TargetBusy(TryAgain):
    """Another run or session holds the target table, or altered it while this run read."""


class DeadlineExceeded(TryAgain):
    """One request went on longer than its deadline allows."""


class HookFailed(TryAgain):
    """The data is in, but somebody who must be told was not."""

    def __init__(self, message: str, *, passes: bool = True) -> None:
        super().__init__(message)
        self.passes = passes
        """Whether the same call may be answered well later, without anybody doing something about it."""


class DataRefused(SyncError):
    """The data is not what the manifest agreed to load."""

    exit_code = 65


class SchemaChanged(DataRefused):
    """The source's columns changed in a way that ``onSchemaChange`` does not let pass."""


class RowCountMismatch(DataRefused):
    """What was staged, or what the target holds afterwards, is not what the source counts."""


class BadValue(DataRefused):
    """A value does not fit the type of its column, or a row a constraint of the table."""


class NotAllowed(SyncError):
    """A credential is wrong or a right is missing."""

    exit_code = 77


class AppTokenRequired(NotAllowed):
    """Socrata wants an app token, and the manifest names none."""


class InvalidAppToken(NotAllowed):
    """Socrata refuses the app token itself; without one the request would pass."""


class AuthenticationFailed(NotAllowed):
    """The dataset is private and the credentials do not open it."""


class PermissionDenied(NotAllowed):
    """PostgreSQL refuses: a grant or a password is missing."""


class Misconfigured(SyncError):
    """The manifest, or the target it names, must be changed by a person."""

    exit_code = 78


class InvalidSpec(Misconfigured):
    """The manifest does not say what it must; the message names the field."""


class InvalidRequest(Misconfigured):
    """What a one-off run was asked to load is not in the manifest, or cannot be loaded so."""


class InvalidSchedule(Misconfigured):
    """The schedule or its time zone cannot be read."""


class DatasetNotFound(Misconfigured):
    """There is no such dataset on the domain, or no longer."""


class InvalidQuery(Misconfigured):
    """Socrata refuses the query: a ``where`` or a column of the manifest is wrong."""


class TargetMismatch(Misconfigured):
    """The target table, the bookkeeping beside it or the session cannot take what a run would write."""


class PoolerUnsupported(Misconfigured):
    """The DSN leads through a connection pooler that keeps no sessions, as PgBouncer in transaction mode."""


NEEDS_A_PERSON = frozenset(kind.exit_code for kind in (DataRefused, NotAllowed, Misconfigured))
"""Exit codes that no retry helps."""


class Terminated(SystemExit):
    """SIGTERM: roll back, let go of the lock, exit 143. Not an ``Exception``: nothing may absorb it.

    A ``SystemExit``, because that is what makes psycopg cancel the statement that is under way on
    the server, which would otherwise go on, and hold its locks, for as long as it takes.
    """

    exit_code: ClassVar[int] = 143

    def __init__(self) -> None:
        super().__init__(self.exit_code)
