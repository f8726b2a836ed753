"""Which resources there are, and which version of each was acted on.

Whole objects are never kept: ten thousand of them take a quarter of a gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from socratasync.controller.observed.job import ObservedJob
from socratasync.controller.observed.resource import Key


@dataclass(slots=True)
class Seen:
    """``version``: the resource version that was acted on last. ``last_run``: uid of the Job that was
    recorded last, ``earlier_runs``: those of others; what the API still tells of them is not acted on."""

    version: str
    last_run: str | None
    earlier_runs: frozenset[str] = frozenset()


class JobSeen(NamedTuple):
    """What of an active Job is worth a look when it changes."""

    uid: str
    running_pods: int
    failed_pods: int
    suspended: bool
    deleting: bool


class Roster:
    """What was seen of each resource, until ``forget``."""

    def __init__(self) -> None:
        self._seen: dict[Key, Seen] = {}
        self._jobs: dict[Key, JobSeen] = {}
        self._early: dict[Key, set[str]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, key: Key) -> bool:
        return key in self._seen

    def note(self, key: Key, version: str, last_run: str | None) -> None:
        """The resource was seen at this version."""
        seen = self._seen.get(key)
        self._seen[key] = Seen(version, last_run, seen.earlier_runs if seen else frozenset())

    def is_news(self, key: Key, version: str) -> bool:
        """Whether this version of the resource is another than the one acted on."""
        seen = self._seen.get(key)
        return seen is None or seen.version != version

    def is_same(self, key: Key, job: ObservedJob) -> bool:
        """Whether nothing worth a look has changed of an active Job since it was last asked for. One without
        a pod at its first sight was created just now, by the operator, which looks at it by itself."""
        mark = JobSeen(job.uid, job.running_pods, job.failed_pods, job.suspended, job.deleting)
        before = self._jobs.get(key)
        self._jobs[key] = mark
        if before is None or before.uid != job.uid:
            before = JobSeen(job.uid, 0, 0, suspended=False, deleting=False)
        return mark == before

    def is_old_news(self, key: Key, job_uid: str) -> bool:
        """Whether a finished Job's result is recorded: it was the last, or known to be when it was seen.

        Nobody can tell before the resource itself is seen: until then the Job is kept for
        ``unrecorded``.
        """
        seen = self._seen.get(key)
        if seen is None:
            self._early.setdefault(key, set()).add(job_uid)
            return True
        return seen.last_run == job_uid or job_uid in seen.earlier_runs

    def unrecorded(self, key: Key, recorded: Set[str]) -> set[str]:
        """Finished Jobs that were seen before their resource was, and are not among those recorded. Each
        is given once; the recorded ones are old news from now on. The resource must have been noted."""
        early = self._early.pop(key, set())
        if early:
            seen = self._seen[key]
            seen.earlier_runs = seen.earlier_runs | (early & recorded)
        return early - recorded

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._seen.pop(key, None)
        self._early.pop(key, None)
        self._jobs.pop(key, None)

    def gone(self, listed: Mapping[Key, str], known_before: Iterable[Key]) -> list[Key]:
        """Resources known before a listing began that the listing does not have."""
        return [key for key in known_before if key in self._seen and key not in listed]

    def keys(self) -> list[Key]:
        """All resources, as of now."""
        return list(self._seen)
