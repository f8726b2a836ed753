"""What the operator does about news that it owes, about Jobs that are refused, and about those that ended."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of
from tests.unit.controller.conftest import SPEC, at

from socratasync.controller.cluster.errors import Unreachable
from socratasync.controller.jobs.defaults import NOTHING_SAID
from socratasync.controller.metrics.counts import ZERO_FIRST_S
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.notifications import Notifications
from socratasync.controller.observed.job import ObservedJob, read_job
from socratasync.controller.observed.resource import read_resource
from socratasync.times import write_instant

Object = dict[str, Any]
NOW = at("2026-11-23T12:00:00")
DESK = {"webhook": {"secretRef": {"name": "desk"}}}
NIGHT = {"webhook": {"secretRef": {"name": "night"}}}


class Scene:
    """A sync whose first run failed for good, and its operator."""

    def __init__(self, *channels: Object, **spec: Any) -> None:
        told = {**SPEC, "notify": list(channels or (DESK,)), **spec}
        self.model = ClusterModel(NOW, told)
        self.metrics = Metrics(lambda: self.model.now)
        self.starts()

    def starts(self) -> None:
        """A new process."""
        self.operator = operator_of(self.model, metrics=self.metrics)

    def looks(self) -> Any:
        return asyncio.run(self.operator.reconcile(self.model.key))

    def fails(self) -> Any:
        self.looks()
        job = self.model.active_jobs()[0]["metadata"]["name"]
        self.model.end(job, ok=False, code=78)
        return self.looks()

    @property
    def told(self) -> int:
        return len(self.model.notifications)

    @property
    def news(self) -> Object:
        found: Object = self.model.body["status"].get("news", {})
        return found

    def events(self) -> list[str]:
        found = (event for event in self.model.events.values())
        return [e["message"] for e in found if e["reason"] == "NotificationFailed"]

    def counted(self, result: str) -> float | None:
        """As a scrape shows it, once every scraper has come by."""
        self.model.now += minutes(int(ZERO_FIRST_S // 60) + 1)
        text = b"".join(self.metrics.scrape()).decode()
        lines = [
            line
            for line in text.splitlines()
            if line.startswith("socratasync_notifications_total{") and f'"{result}"' in line
        ]
        return float(lines[0].rsplit(" ", 1)[1]) if lines else None


def test_each_channel_is_told_and_nothing_is_owed_any_more() -> None:
    scene = Scene(DESK, NIGHT)

    scene.fails()

    assert scene.told == 2
    assert "owed" not in scene.news
    assert [each["occasion"] for each in scene.news["open"]] == ["Failure"]


def test_a_sync_that_names_no_channel_costs_no_call_and_has_no_word_in_its_status() -> None:
    silent, told = Scene(notify=[]), Scene()
    for scene in (silent, told):
        scene.model.calls_left = 1000
        scene.fails()
    left = (silent.model.calls_left, told.model.calls_left)

    assert "news" not in silent.model.body["status"]
    assert silent.counted("told") is None
    assert left[0] is not None
    assert left[1] is not None
    assert left[0] - left[1] == 4, "the Job's call and the write, each counted twice"


def test_what_an_operator_owed_that_was_killed_is_told_by_the_next_before_anything_else() -> None:
    scene = Scene()
    scene.model.notifications_left = 0
    scene.fails()
    scene.model.notifications_left = None
    scene.starts()
    resource = read_resource(scene.model.body)

    assert scene.operator.needs_reconcile_at(resource) == NOW
    scene.looks()

    assert scene.told == 1
    assert "owed" not in scene.news


def test_a_job_that_is_refused_is_tried_again_with_growing_pauses_and_one_event() -> None:
    scene = Scene()
    scene.model.notifications_left = 0
    dues = [scene.fails()]
    while len(dues) < 8:
        scene.model.now = dues[-1]
        dues.append(scene.looks())
    pauses = [(b - a).total_seconds() for a, b in zip([NOW, *dues], dues, strict=False)]

    assert pauses == [15, 30, 60, 120, 240, 480, 600, 600]
    assert scene.told == 0
    (said,) = scene.events()
    assert "exceeded quota: jobs" in said
    assert scene.counted("refused") == 1

    scene.model.notifications_left = None
    scene.looks()
    assert scene.told == 0, "not before its time"
    scene.model.now = dues[-1]
    scene.looks()
    assert scene.told == 1
    assert "owed" not in scene.news


def test_a_channel_that_was_told_is_not_told_again_when_another_is_refused_for_long() -> None:
    scene = Scene(DESK, NIGHT)
    scene.model.notifications_left = 1
    due = scene.fails()
    (told,) = scene.model.notifications
    assert scene.news["owed"]["sent"] == [told]

    del scene.model.notifications[told]  # a day has passed, and Kubernetes removed it
    scene.model.now, scene.model.notifications_left = due, None
    scene.looks()

    assert scene.told == 1
    assert told not in scene.model.notifications
    assert "owed" not in scene.news


def test_what_came_and_went_while_news_was_refused_is_told_to_nobody() -> None:
    scene = Scene()
    scene.model.notifications_left = 0
    scene.fails()
    scene.model.edit(timeZone="Mars/Olympus")
    scene.looks()
    scene.model.edit(timeZone="Etc/UTC")
    due = scene.looks()
    scene.model.now, scene.model.notifications_left = due, None
    scene.looks()

    (job,) = scene.model.notifications.values()
    assert [each["occasion"] for each in news_of(job)["begun"]] == ["Failure"]


def test_what_is_owed_to_nobody_any_more_is_not_tried_again() -> None:
    scene = Scene()
    scene.model.notifications_left = 0
    due = scene.fails()
    scene.model.edit(notify=None, parallelism=3)
    scene.looks()

    scene.model.now = due
    again = scene.looks()

    assert "news" not in scene.model.body["status"]
    assert again is None or again > due


def test_an_invalid_new_sync_is_told_of_in_the_first_look_of_all() -> None:
    scene = Scene(timeZone="Mars/Olympus")
    resource = read_resource(scene.model.body)

    asyncio.run(scene.operator.first_look(resource))
    asyncio.run(scene.operator.first_look(read_resource(scene.model.body)))
    scene.looks()

    (job,) = scene.model.notifications.values()
    assert [each["reason"] for each in news_of(job)["begun"]] == ["InvalidSchedule"]


def news_of(job: Object) -> Object:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    found: Object = json.loads(env["SOCRATASYNC_NEWS"])
    return found


# What becomes of a notification's Job


def ended(condition: str, uid: str = "u-1", at_: str = "2026-11-23T12:00:00Z") -> ObservedJob:
    """One of that name as the watch tells of it; without a condition it is active."""
    status = {"conditions": [{"type": condition, "status": "True", "lastTransitionTime": at_}]}
    metadata = {"name": "n-1", "uid": uid, "creationTimestamp": write_instant(NOW, "seconds")}
    return read_job({"metadata": metadata, "status": status if condition else {}})


class Watching:
    """The notifications of one process, which began at noon."""

    def __init__(self) -> None:
        self.scene = Scene()
        cluster: Any = self.scene.model
        model = self.scene.model
        self.scene.metrics.observe(read_resource(model.body))
        self.notifications = Notifications(
            cluster, lambda: "image", NOTHING_SAID, None, self.scene.metrics, lambda: model.now
        )

    def hears(self, kind: str | None, job: ObservedJob) -> bool:
        return self.notifications.has_ended(self.scene.model.key, kind, job)

    def looks(self) -> list[str]:
        resource = read_resource(self.scene.model.body)
        found = asyncio.run(self.notifications.look(resource, self.scene.model.now))
        return [event.message for event in found]


def test_one_that_failed_is_an_event_and_counted_once() -> None:
    watch = Watching()

    assert not watch.hears("ADDED", ended(""))
    assert watch.hears("MODIFIED", ended("Failed"))
    (said,) = watch.looks()
    assert "n-1" in said
    assert not watch.hears("MODIFIED", ended("Failed")), "known"
    assert not watch.hears("DELETED", ended("Failed")), "removed after a day"
    assert watch.looks() == []
    assert watch.scene.counted("failed") == 1
    assert watch.scene.counted("told") == 0


def test_one_that_failed_before_this_process_began_was_counted_by_another() -> None:
    watch = Watching()

    assert watch.hears(None, ended("Failed", at_="2026-11-23T11:59:59Z"))

    assert len(watch.looks()) == 1, "an event that is created twice is one"
    assert watch.scene.counted("failed") == 0


def test_one_that_left_the_watch_has_told_if_it_is_complete() -> None:
    watch = Watching()
    jobs = watch.scene.model.jobs
    jobs["n-1"] = {
        "metadata": {"name": "n-1", "uid": "u-1"},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    }

    assert watch.hears("DELETED", ended(""))
    assert watch.looks() == []
    del jobs["n-1"]  # the next was deleted by somebody
    assert watch.hears("DELETED", ended("", uid="u-2"))
    assert watch.looks() == []

    assert watch.scene.counted("told") == 1


def test_a_look_that_fails_is_taken_again() -> None:
    watch = Watching()
    watch.hears("MODIFIED", ended("Failed"))
    list_pods = watch.scene.model.list_pods

    async def away(_namespace: str, _job: str) -> list[Object]:
        raise Unreachable("no answer")

    watch.scene.model.list_pods = away  # type: ignore[assignment, method-assign]
    with pytest.raises(Unreachable):
        watch.looks()
    watch.scene.model.list_pods = list_pods  # type: ignore[method-assign]

    assert len(watch.looks()) == 1
    assert watch.scene.counted("failed") == 1


def held_up(job: str) -> Object:
    """The pod of a notification whose channel's secret is not there."""
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "desk" not found'}
    return {
        "metadata": {"name": f"{job}-x", "creationTimestamp": write_instant(NOW, "seconds")},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "notify", "state": {"waiting": waiting}}],
        },
    }


def test_one_whose_pod_does_not_start_is_an_event_a_minute_later_and_once() -> None:
    scene = Scene()
    due = scene.fails()
    (job,) = scene.model.notifications
    scene.model.pods[job] = [held_up(job)]

    assert due == NOW + minutes(1)
    assert scene.operator.needs_reconcile_at(read_resource(scene.model.body)) == due, "an edit, too"
    scene.looks()
    assert scene.events() == [], "it may still start"
    scene.model.now = due
    again = scene.looks()

    assert scene.events() == [
        f'a notification is not sent yet: pod {job}-x does not start: CreateContainerConfigError: secret "desk" not found'
    ]
    assert again is None or again > due
    scene.model.now += minutes(2)
    scene.looks()
    assert len(scene.events()) == 1


@pytest.mark.parametrize("is_over", [False, True])
def test_one_that_has_ended_is_not_looked_for_any_more(is_over: bool) -> None:
    watch = Watching()
    model = watch.scene.model
    model.notifications_left = 0
    watch.scene.fails()
    model.notifications_left = None
    asyncio.run(watch.notifications.tell(read_resource(model.body), model.now))
    (job,) = model.notifications
    model.pods[job] = [held_up(job)]
    if is_over:
        metadata = {"name": job, "uid": "u-1", "creationTimestamp": write_instant(NOW, "seconds")}
        assert watch.hears("DELETED", read_job({"metadata": metadata, "status": {}}))
    model.now += minutes(1)

    assert len(watch.looks()) == (not is_over)
    assert watch.notifications.due(model.key) is None


def test_a_sync_that_is_gone_is_forgotten() -> None:
    watch = Watching()
    watch.hears("MODIFIED", ended("Failed"))

    watch.notifications.forget(watch.scene.model.key)

    assert watch.looks() == []
