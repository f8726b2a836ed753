"""Every way in which a SocrataSync may stand, as the whole object that tools read, and what they are to make of it.

Each is the end of a story that the operator itself was led through, so a status that it never writes is not
among them. Argo CD's health script and kstatus are held to this one table.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.api.manifest import API_VERSION, KIND
from socratasync.api.status import UNSEEN
from socratasync.controller.cluster.errors import Refused

UNSCHEDULED = {name: value for name, value in SPEC.items() if name != "schedule"}


class Story:
    """One SocrataSync, from its creation on."""

    def __init__(self, **spec: Any) -> None:
        base = UNSCHEDULED if spec.get("schedule", "") is None else SPEC
        told = {name: value for name, value in spec.items() if value is not None}
        self.model = ClusterModel(at("2026-11-23T12:00"), {**base, **told})
        self.model.body["status"] = dict(UNSEEN)
        self._operator = operator_of(self.model)

    def seen(self, times: int = 2) -> Story:
        """The operator looks: a run that is due is started, one that has ended is recorded."""
        for _ in range(times):
            asyncio.run(self._operator.reconcile(self.model.key))
        return self

    def refused(self) -> Story:
        """The API server takes no Job."""

        async def no(_job: dict[str, Any]) -> Any:
            raise Refused("exceeded quota: jobs")

        self.model.create_job = no  # type: ignore[method-assign, assignment]
        try:
            asyncio.run(self._operator.reconcile(self.model.key))
        except Refused:
            return self
        raise AssertionError("a Job was taken")

    def ends(self, *, code: int = 0, **more: Any) -> Story:
        """The active run ends with this exit code, and the operator records it."""
        job = self.model.active_jobs()[0]["metadata"]["name"]
        self.model.end(job, ok=code == 0, code=code, **more)
        return self.seen(1)

    def fails(self, code: int, reason: str) -> Story:
        """The active run fails."""
        return self.ends(code=code, error={"reason": reason, "message": "no answer"})

    def is_cancelled(self) -> Story:
        """A person stops the active run."""
        self.model.annotate("cancelAt", "now")
        self.seen(1)
        self.model.remove(self.model.active_jobs()[0]["metadata"]["name"])
        return self.seen(1)

    def waits_for_a_secret(self) -> Story:
        """The active run's pod cannot start."""
        self.model.pod(self.model.active_jobs()[0]["metadata"]["name"], at_work=False)
        self.model.now += minutes(1)
        return self.seen(1)

    def is_edited(self, **spec: Any) -> Story:
        """A user edits the spec; the operator has not seen it yet."""
        self.model.edit(**spec)
        return self

    def a_day_passes(self) -> Story:
        """Until the next slot, and a minute."""
        self.model.now += minutes(24 * 60 + 1)
        return self

    @property
    def object(self) -> dict[str, Any]:
        """The resource as tools read it."""
        return {"apiVersion": API_VERSION, "kind": KIND, **copy.deepcopy(self.model.body)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``kstatus`` and ``argocd`` are the words of those two; ``says`` is in Argo CD's message."""

    name: str
    story: Callable[[], Story]
    kstatus: str
    argocd: str
    says: str = ""


def _loaded(**spec: Any) -> Story:
    return Story(**spec).seen().ends()


OTHER_TARGET = {**SPEC["target"], "table": "others"}
_HOPELESS = (77, "InvalidAppToken")
_PASSING = (75, "SourceUnavailable")


def _standing(
    name: str, kstatus: str, argocd: str, story: Callable[[], Story], says: str = ""
) -> Standing:
    return Standing(name=name, story=story, kstatus=kstatus, argocd=argocd, says=says)


STANDINGS = (
    _standing("not seen yet", "InProgress", "Progressing", Story, "has not seen"),
    _standing("first run", "InProgress", "Progressing", lambda: Story().seen(), "no run has"),
    _standing(
        "first run's pod does not start",
        "InProgress",
        "Progressing",
        lambda: Story().seen().waits_for_a_secret(),
        'secret "db" not found',
    ),
    _standing("loaded", "Current", "Healthy", _loaded),
    _standing("loaded, no schedule", "Current", "Healthy", lambda: _loaded(schedule=None)),
    _standing("a routine run", "Current", "Healthy", lambda: _loaded().a_day_passes().seen()),
    _standing(
        "a routine run's pod does not start",
        "Current",
        "Healthy",
        lambda: _loaded().a_day_passes().seen().waits_for_a_secret(),
        'secret "db" not found',
    ),
    _standing(
        "edited, not seen yet",
        "InProgress",
        "Progressing",
        lambda: _loaded().is_edited(target=OTHER_TARGET),
        "has not seen",
    ),
    _standing(
        "the edit's run",
        "InProgress",
        "Progressing",
        lambda: _loaded().is_edited(target=OTHER_TARGET).seen(),
        "what the spec says now",
    ),
    _standing(
        "edited while a run of the old spec is active, which then ends well",
        "InProgress",
        "Progressing",
        lambda: Story().seen().is_edited(target=OTHER_TARGET).ends(),
        "what the spec says now",
    ),
    _standing(
        "the edit is loaded",
        "Current",
        "Healthy",
        lambda: _loaded().is_edited(target=OTHER_TARGET).seen().ends(),
    ),
    _standing(
        "another schedule",
        "Current",
        "Healthy",
        lambda: _loaded().is_edited(schedule="@daily").seen(),
    ),
    _standing(
        "first run failed for a cause that passes",
        "InProgress",
        "Degraded",
        lambda: Story().seen().fails(*_PASSING),
        "no answer",
    ),
    _standing(
        "a routine run failed for a cause that passes",
        "InProgress",
        "Degraded",
        lambda: _loaded().a_day_passes().seen().fails(*_PASSING),
        "no answer",
    ),
    _standing(
        "first run failed and needs a person",
        "Failed",
        "Degraded",
        lambda: Story().seen().fails(*_HOPELESS),
        "another run would fail the same way",
    ),
    _standing(
        "a routine run failed and needs a person",
        "Failed",
        "Degraded",
        lambda: _loaded().a_day_passes().seen().fails(*_HOPELESS),
        "another run would fail the same way",
    ),
    _standing(
        "failed, needed a person, and the spec was corrected",
        "InProgress",
        "Progressing",
        lambda: (
            Story()
            .seen()
            .fails(*_HOPELESS)
            .is_edited(source={"appTokenSecretRef": {"name": "new"}})
            .seen()
        ),
    ),
    _standing(
        "failed, and nothing tries it again",
        "Failed",
        "Degraded",
        lambda: Story(schedule=None, retry={"limit": 0}).seen().fails(*_PASSING),
        "nothing tries it again by itself",
    ),
    _standing(
        "first run cancelled, and nothing tries it again",
        "Failed",
        "Degraded",
        lambda: Story(schedule=None).seen().is_cancelled(),
        "nothing tries it again by itself",
    ),
    _standing(
        "a routine run was cancelled",
        "Current",
        "Healthy",
        lambda: _loaded().a_day_passes().seen().is_cancelled(),
    ),
    _standing(
        "a routine run's result is lost",
        "InProgress",
        "Degraded",
        lambda: _loaded().a_day_passes().seen().ends(with_pod=False),
    ),
    _standing(
        "the Job is refused",
        "InProgress",
        "Degraded",
        lambda: Story().refused(),
        "exceeded quota: jobs",
    ),
    _standing(
        "the spec cannot be read",
        "Failed",
        "Degraded",
        lambda: _loaded().is_edited(timeZone="Mars/Olympus").seen(),
        "Mars/Olympus",
    ),
    _standing(
        "created suspended", "Current", "Suspended", lambda: Story(suspend=True).seen(), "suspend"
    ),
    _standing(
        "suspended", "Current", "Suspended", lambda: _loaded().is_edited(suspend=True).seen()
    ),
    _standing(
        "edited while suspended",
        "Current",
        "Suspended",
        lambda: _loaded().is_edited(suspend=True, target=OTHER_TARGET).seen(),
    ),
    _standing(
        "suspended while its first run goes on",
        "InProgress",
        "Progressing",
        lambda: Story().seen().is_edited(suspend=True).seen(),
    ),
    _standing(
        "suspended after a failure",
        "Failed",
        "Suspended",
        lambda: Story().seen().fails(*_PASSING).is_edited(suspend=True).seen(),
        "spec.suspend is true",
    ),
)
