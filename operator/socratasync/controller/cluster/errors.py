"""What the Kubernetes API may answer, named by what happens next.

::

    ClusterError
    ├── NotThere       404: the object is gone, or its kind is not installed
    ├── Conflict       409: it changed meanwhile, or exists already; look again
    ├── Refused        400, 403, 422, …: a person must change something; the message says what
    │   └── JobRefused     of a run's Job; the status tells it
    └── Unreachable    no answer, 401, 429, 5xx: the same call may succeed later
"""

from __future__ import annotations


class ClusterError(Exception):
    """A call that did not do what it was to do; ``message`` is the API server's sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotThere(ClusterError):
    """The object, or its kind, is not there."""


class Conflict(ClusterError):
    """Somebody else was faster: what was known is no longer true."""


class Refused(ClusterError):
    """The same call will be refused again."""


class JobRefused(Refused):
    """The API server does not take the Job of a run, and the status says so."""


class Unreachable(ClusterError):
    """The API server did not answer, or not now."""


def from_status(code: int, message: str) -> ClusterError:
    """The error of an HTTP status of 400 and above."""
    if code == 404:
        return NotThere(message)
    if code == 409:
        return Conflict(message)
    if code in (401, 408, 429) or code >= 500:
        return Unreachable(message)
    return Refused(message)
