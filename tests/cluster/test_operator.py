"""The operator against a real Kubernetes API, with exactly the rights that are shipped."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.cluster.api import Api, Object, condition_of
from tests.cluster.conftest import make_namespace
from tests.cluster.controlplane import CommandFailed, ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, IMAGE, RunningOperator, allow_in_namespace
from tests.cluster.syncs import KIND, YEARS, Sync, failure, manifest, report
from tests.pages import commands

from socratasync.times import write_instant


@pytest.fixture(scope="module")
def rooms(control_plane: ControlPlane) -> Iterator[list[str]]:
    """A namespace for each test, all served by one operator: starting one takes seconds."""
    made = [make_namespace(control_plane) for _ in range(26)]
    yield list(made)
    for name in made:
        control_plane.api.delete("Namespace", name)


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, rooms: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningOperator]:
    """An operator that holds the shipped Role in each of its namespaces, and nothing else."""
    for room in rooms:
        allow_in_namespace(control_plane, room, account_in=rooms[0])
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=rooms[0])
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    with RunningOperator(kubeconfig, log, rooms) as running:
        yield running


@pytest.fixture
def sync(operator: RunningOperator, api: Api, rooms: list[str], kubelet: Kubelet) -> Sync:
    del operator
    return Sync(api, kubelet, rooms.pop())


def test_ready_waits_for_what_the_spec_says_now(sync: Sync, control_plane: ControlPlane) -> None:
    def wait_for_ready() -> str:
        where = ("--namespace", sync.namespace, "--timeout=2s")
        return control_plane.kubectl("wait", "--for=condition=Ready", *where, f"ssync/{sync.name}")

    sync.apply()
    sync.succeed(sync.started())
    assert "condition met" in wait_for_ready()
    datasets = [{"id": "rq3b-xjk8", "year": 2020}, {"id": "pvft-t768", "year": 2019}]
    sync.edit(datasets=datasets)

    with pytest.raises(CommandFailed, match="timed out"):
        wait_for_ready()

    status = sync.until(lambda s: s.get("observedGeneration") == 2)
    assert condition_of({"status": status}, "Ready")["reason"] == "NotLoadedYet"
    assert "pvft-t768" in condition_of({"status": status}, "Reconciling")["message"]
    assert condition_of({"status": status}, "DataVerified")["status"] == "Unknown"
    status = sync.succeed(sync.started(2), years={"rq3b-xjk8": 2020, "pvft-t768": 2019})
    assert "condition met" in wait_for_ready()
    assert condition_of({"status": status}, "DataVerified")["status"] == "True"
    whole = sync.api.get(KIND, sync.name, namespace=sync.namespace)
    of_status = [m for m in whole["metadata"]["managedFields"] if m.get("subresource") == "status"]
    assert {each["manager"] for each in of_status} == {"socratasync-operator"}


def test_an_applied_sync_is_loaded_and_says_so(
    sync: Sync, operator: RunningOperator, control_plane: ControlPlane
) -> None:
    sync.apply()
    job = sync.started()
    assert sync.status()["phase"] == "Syncing"
    status = sync.succeed(job)

    assert status["phase"] == "Synced"
    assert status["observedGeneration"] == 1
    assert status["lastRun"]["trigger"] == "Creation"
    assert status["lastRun"]["result"] == "Succeeded"
    assert status["rows"]["target"] == 100
    assert status["datasets"][0]["sourceRows"] == 100
    assert status["lastSyncedSince"] == "2026-11-23T06:00:00Z"
    whole = {"status": status}
    assert condition_of(whole, "Ready")["status"] == "True"
    assert condition_of(whole, "DataVerified")["status"] == "True"
    assert condition_of(whole, "SchemaInSync")["status"] == "True"
    assert condition_of(whole, "Synchronizing")["reason"] == "WaitingForSchedule"
    wait_until(lambda: len(sync.events()) == 2, timeout_s=10, what="two events")
    assert sync.events() == ["SyncStarted", "SyncSucceeded"]
    columns = control_plane.kubectl("get", "ssync", "-n", sync.namespace)
    assert "Synced" in columns
    scrape = operator.metrics()
    where = f'name="la-311",namespace="{sync.namespace}"'
    assert f"socratasync_last_run_succeeded{{{where}}} 1.0" in scrape
    assert (
        f'socratasync_runs_total{{name="la-311",namespace="{sync.namespace}",result="Succeeded"'
        in (scrape)
    )


def test_there_is_no_status_page_unless_it_is_asked_for(operator: RunningOperator) -> None:
    assert operator.page() == (0, "")


def test_the_job_is_what_a_restricted_namespace_admits(sync: Sync) -> None:
    sync.apply(
        source={"appTokenSecretRef": {"name": "socrata"}},
        hooks=[{"url": "https://app.example.org/reset", "headersSecretRef": {"name": "hook"}}],
        archive={"persistentVolumeClaim": "kept"},
    )
    job = sync.api.get("Job", sync.started(), namespace=sync.namespace)
    sync.kubelet.next_pod(job["metadata"]["name"], namespace=sync.namespace)

    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == IMAGE
    assert pod["automountServiceAccountToken"] is False
    assert job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [65, 77, 78]
    assert job["metadata"]["ownerReferences"][0]["name"] == "la-311"


def test_an_edit_during_a_run_does_not_change_the_run_and_makes_another(sync: Sync) -> None:
    sync.apply()
    job = sync.started()
    pod = sync.at_work(job)
    sync.edit(datasets=[{"id": "pvft-t768", "year": 2019}])
    told = sync.api.get("Job", job, namespace=sync.namespace)
    env = {e["name"]: e for e in told["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert "rq3b-xjk8" in env["SOCRATASYNC_SPEC"]["value"]
    assert env["SOCRATASYNC_DSN"]["valueFrom"]["secretKeyRef"] == {"name": "db", "key": "dsn"}

    sync.until(lambda s: s["observedGeneration"] == 2)
    sync.succeed(job, pod)
    again = sync.started(2)

    assert again != job
    assert sync.status()["activeRun"]["trigger"] == "SpecChange"


def test_an_edit_that_loads_nothing_else_starts_nothing(sync: Sync) -> None:
    sync.apply()
    sync.succeed(sync.started())
    sync.edit(parallelism=4, verify={"rowCount": "Off"}, schedule="0 1 29 2 *")

    status = sync.until(lambda s: s["observedGeneration"] == 2)

    assert "activeRun" not in status
    assert len(sync.jobs()) == 1
    assert status["observedSchedule"].startswith("0 1 29 2 *")


def test_a_scheduled_slot_is_run_at_its_minute(sync: Sync) -> None:
    sync.apply()
    sync.succeed(sync.started())
    sync.edit(schedule="* * * * *")

    status = sync.until(lambda s: s.get("activeRun"), timeout_s=75)

    run = status["activeRun"]
    assert run["trigger"] == "Schedule"
    assert run["scheduledAt"] == status["lastScheduleTime"] == status["slotsSettledThrough"]
    assert run["start"][:17] == run["scheduledAt"][:17]
    pod = sync.at_work(run["job"])
    sync.edit(schedule="0 0 29 2 *")
    sync.succeed(run["job"], pod)


def test_requests_run_beside_the_schedule_and_are_echoed(sync: Sync) -> None:
    sync.apply()
    sync.succeed(sync.started())

    sync.annotate(requestedAt="one")
    manual = sync.started(2)
    assert sync.status()["lastHandledReconcileAt"] == "one"
    pod = sync.at_work(manual)
    sync.annotate(full="two")
    sync.succeed(manual, pod)
    full = sync.started(3)
    status = sync.succeed(full)

    assert [run["trigger"] for run in status["history"]] == ["Full", "Manual", "Creation"]
    assert status["lastRun"]["mode"] == "full"
    assert status["lastHandledFullAt"] == "two"
    assert status["nextScheduleTime"].endswith("-02-29T00:00:00Z")


def test_a_one_off_run_is_limited_told_and_leaves_the_rest_as_it_was(sync: Sync) -> None:
    sync.apply()
    before = sync.succeed(sync.started())
    (dataset, year), *_ = YEARS.items()

    sync.annotate(full=f"one year={year}")
    job = sync.started(2)
    (made,) = [each for each in sync.jobs() if each["metadata"]["name"] == job]
    (container,) = made["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each.get("value") for each in container["env"]}
    assert environ["SOCRATASYNC_ONLY"] == f"year={year}"
    assert sync.status()["activeRun"]["only"] == f"year={year}"
    sync.kubelet.succeeded(
        sync.at_work(job),
        namespace=sync.namespace,
        message=report(job, years={dataset: year}, inserted=7, only=f"year={year}"),
    )
    after = sync.until(lambda s: s.get("lastOneOff", {}).get("job") == job)

    assert after["lastHandledFullAt"] == f"one year={year}"
    assert after["lastOneOff"]["result"] == "Succeeded"
    assert [run.get("only") for run in after["history"]] == [f"year={year}", None]
    for name in ("lastRun", "lastSuccessfulTime", "loadedSpecHash", "phase", "nextScheduleTime"):
        assert after[name] == before[name]
    assert after["datasets"][0]["rows"]["inserted"] == 7
    assert after["datasets"][1:] == before["datasets"][1:]

    sync.annotate(full="two year=1999")
    sync.until(lambda s: s.get("lastHandledFullAt") == "two year=1999")
    wait_until(lambda: "RunRefused" in sync.events(), timeout_s=10, what="an event")
    assert len(sync.jobs()) == 2


def test_a_suspended_sync_refuses_requests_with_an_event(sync: Sync) -> None:
    sync.apply(suspend=True)
    sync.until(lambda s: s.get("phase") == "Suspended")
    sync.annotate(requestedAt="now")

    sync.until(lambda s: s.get("lastHandledReconcileAt") == "now")
    wait_until(lambda: "RunRefused" in sync.events(), timeout_s=10, what="an event")
    assert sync.jobs() == []

    sync.edit(suspend=False)
    assert sync.status()["phase"] != "Synced"
    sync.succeed(sync.started())
    assert "Resumed" in sync.events()


def test_a_cancelled_run_stops_and_is_remembered_as_cancelled(sync: Sync) -> None:
    sync.apply()
    job = sync.started()
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.annotate(cancelAt="now")
    sync.api.wait_for(
        "Pod", pod, lambda p: "deletionTimestamp" in p["metadata"], namespace=sync.namespace
    )
    sync.annotate(requestedAt="afterwards")
    assert len(sync.jobs()) == 1, "no other run while the pod still stops"
    sync.kubelet.stops_deleted(pod, namespace=sync.namespace)

    again = sync.started(2)
    status = sync.status()

    assert status["lastRun"]["result"] == "Cancelled"
    assert status["lastHandledCancelAt"] == "now"
    assert status.get("consecutiveFailures", 0) == 0
    sync.succeed(again)


def test_a_refusal_by_exit_code_fails_at_once_and_stalls(sync: Sync) -> None:
    sync.apply()
    job = sync.started()
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    message = failure(job, "InvalidAppToken", "Socrata refuses the app token; check the secret")
    sync.kubelet.failed(pod, namespace=sync.namespace, code=77, message=message)
    status = sync.ended(job)

    whole = {"status": status}
    assert status["phase"] == "Failed"
    assert status["consecutiveFailures"] == 1
    assert condition_of(whole, "Ready")["reason"] == "InvalidAppToken"
    assert condition_of(whole, "Stalled")["status"] == "True"
    assert status["lastRun"]["exitCode"] == 77
    assert len(sync.kubelet.pods_of(job, namespace=sync.namespace)) == 1

    sync.edit(source={"appTokenSecretRef": {"name": "better"}})
    status = sync.succeed(sync.started(2))
    assert condition_of({"status": status}, "Stalled") == {}
    assert status["consecutiveFailures"] == 0


def test_a_worker_killed_for_memory_is_told_with_what_to_do(sync: Sync) -> None:
    sync.apply(job={"backoffLimit": 0})
    job = sync.started()
    sync.kubelet.killed_for_memory(
        sync.kubelet.run(job, namespace=sync.namespace), namespace=sync.namespace
    )
    status = sync.ended(job)

    assert status["lastRun"]["reason"] == "OOMKilled"
    assert "spec.job.resources.limits.memory" in status["lastRun"]["message"]


def test_an_evicted_pod_is_replaced_and_not_counted(sync: Sync) -> None:
    sync.apply(job={"backoffLimit": 0})
    job = sync.started()
    sync.kubelet.evicted(sync.kubelet.run(job, namespace=sync.namespace), namespace=sync.namespace)

    status = sync.succeed(job)

    assert status["lastRun"]["result"] == "Succeeded"


def test_tries_of_the_job_and_then_of_the_operator_are_told_with_reason_and_time(
    sync: Sync,
) -> None:
    sync.apply(job={"backoffLimit": 1}, retry={"interval": "1s"})
    job = sync.started()
    away = "data.lacity.org does not answer"
    sync.fail(job, sync.at_work(job), 75, "SourceUnavailable", away)
    status = sync.until(lambda s: s.get("activeRun", {}).get("reason") == "WaitingToRetry")
    assert f"try 1 of 2 failed (SourceUnavailable: {away})" in status["activeRun"]["message"]
    assert condition_of({"status": status}, "Synchronizing")["reason"] == "WaitingToRetry"

    second = sync.at_work(job)
    sync.until(lambda s: "reason" not in s["activeRun"])
    sync.fail(job, second, 75, "TargetUnavailable", "the connection was refused")
    status = sync.ended(job)
    assert status["lastRun"]["reason"] == "TargetUnavailable"
    assert condition_of({"status": status}, "Stalled") == {}, "it is tried again"

    again = sync.started(2)
    run = sync.status()["activeRun"]
    assert (run["trigger"], run["retry"]) == ("Retry", 1)
    status = sync.succeed(again)
    assert (status["phase"], status["consecutiveFailures"]) == ("Synced", 0)
    assert "nextRetryTime" not in status
    told = sync.events()
    assert [told.count(each) for each in ("WaitingToRetry", "WaitingForRetry", "SyncFailed")] == [
        1,
        1,
        1,
    ]


def test_a_deadline_is_told_as_one(sync: Sync) -> None:
    sync.apply(job={"activeDeadlineSeconds": 1})
    job = sync.started()
    pod = sync.kubelet.next_pod(job, namespace=sync.namespace)
    sync.api.wait_gone("Pod", pod, namespace=sync.namespace)
    status = sync.ended(job)

    assert status["lastRun"]["reason"] == "DeadlineExceeded"


def test_a_deleted_job_is_a_lost_result_and_no_zeros(sync: Sync) -> None:
    sync.apply()
    job = sync.started()
    sync.kubelet.next_pod(job, namespace=sync.namespace)
    sync.api.delete("Job", job, namespace=sync.namespace)
    status = sync.ended(job)

    assert (status["lastRun"]["result"], status["lastRun"]["reason"]) == ("Lost", "ResultLost")
    assert "rows" not in status
    assert condition_of({"status": status}, "Ready")["status"] == "Unknown"
    assert "lastSuccessfulTime" not in status


def test_progress_comes_from_the_log(sync: Sync) -> None:
    sync.apply()
    job = sync.started()
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    line = (
        '{"ts":"2026-11-23T07:00:05+00:00","event":"progress","dataset":"rq3b-xjk8",'
        '"stage":"download","rows":5000,"total":20000,"percent":25.0}'
    )
    sync.kubelet.log(pod, f"{line}\nnot json\n", namespace=sync.namespace)

    status = sync.until(lambda s: s.get("activeRun", {}).get("progress"), timeout_s=40)

    assert status["activeRun"]["progress"] == {
        "dataset": "rq3b-xjk8",
        "stage": "download",
        "rows": 5000,
        "total": 20000,
        "percent": 25,
        "updatedAt": "2026-11-23T07:00:05Z",
    }
    sync.kubelet.succeeded(pod, namespace=sync.namespace)
    assert sync.ended(job)["lastRun"]["result"] == "Lost", (
        "a success without a report is no success"
    )


def test_a_deleted_sync_takes_its_running_job_and_its_series_with_it(
    sync: Sync, operator: RunningOperator
) -> None:
    sync.apply()
    job = sync.started()
    assert sync.namespace in operator.metrics()
    sync.api.delete("SocrataSync", sync.name, namespace=sync.namespace)

    # The garbage collector looks for new kinds every half minute.
    sync.api.wait_gone("Job", job, namespace=sync.namespace, timeout_s=90)
    wait_until(lambda: sync.namespace not in operator.metrics(), timeout_s=10, what="series to go")


def test_history_limits_leave_the_newest_jobs(sync: Sync) -> None:
    sync.apply(successfulRunsHistoryLimit=1)
    first = sync.started()
    sync.succeed(first)
    sync.annotate(requestedAt="again")
    second = sync.started(2)
    status = sync.succeed(second)

    sync.api.wait_gone("Job", first, namespace=sync.namespace)
    assert [job["metadata"]["name"] for job in sync.jobs()] == [second]
    assert len(status["history"]) == 2


def test_data_gets_stale_with_time_alone(sync: Sync) -> None:
    sync.apply(freshness={"maxLag": "5s"})
    status = sync.succeed(sync.started())
    assert condition_of({"status": status}, "Fresh")["status"] == "True"

    status = sync.until(
        lambda s: condition_of({"status": s}, "Fresh")["status"] == "False", timeout_s=15
    )

    assert condition_of({"status": status}, "Ready")["status"] == "True"
    wait_until(lambda: "Stale" in sync.events(), timeout_s=10, what="an event")


def test_a_source_that_stands_still_is_told_by_the_run_that_asks_after_the_limit(
    sync: Sync,
) -> None:
    def truth(status: Object) -> object:
        return condition_of({"status": status}, "SourceFresh")["status"]

    changed = write_instant(datetime.now(UTC), "seconds")
    sync.apply(freshness={"sourceMaxAge": "5s"})
    sync.succeed(sync.started(), mark=changed)
    sync.until(lambda s: truth(s) == "Unknown", timeout_s=15)

    sync.annotate(requestedAt="to ask again")
    status = sync.succeed(sync.started(2), mark=changed)
    assert truth(status) == "False"
    assert (
        "https://data.lacity.org/d/" in condition_of({"status": status}, "SourceFresh")["message"]
    )
    assert condition_of({"status": status}, "Ready")["status"] == "True"

    sync.edit(freshness={"sourceMaxAge": "1d"})
    sync.until(lambda s: truth(s) == "True", timeout_s=15)
    wait_until(
        lambda: {"SourceFrozen", "SourceFresh"} <= set(sync.events()), timeout_s=10, what="events"
    )


def test_an_end_that_the_portal_announces_is_told_and_so_is_the_change_over(
    sync: Sync, control_plane: ControlPlane
) -> None:
    def read_by(api: str, *notices: Object) -> Object:
        return {"datasets": [{"id": "rq3b-xjk8", "year": 2020, "api": api}], "notices": notices}

    ends = {"interface": "SODA2", "text": "Sunset", "date": "2027-06-01T00:00:00Z"}
    (who,) = (each.text for each in commands("docs/soda2-ends.md") if "{.api}" in each.text)
    sync.apply()
    sync.api.create(manifest("new", suspend=True), namespace=sync.namespace)
    told = condition_of({"status": sync.until(lambda s: s.get("conditions"))}, "InterfaceSupported")
    assert told["status"] == "Unknown"

    status = sync.succeed(sync.started(), **read_by("SODA2", ends))
    told = condition_of({"status": status}, "InterfaceSupported")
    assert (told["status"], told["reason"]) == ("False", "Deprecated")
    assert "Sunset (2027-06-01)" in told["message"]
    assert condition_of({"status": status}, "Ready")["status"] == "True"
    said = control_plane.kubectl(*shlex.split(who)[1:])
    assert {
        f"{sync.namespace}/la-311 data.lacity.org: rq3b-xjk8=SODA2",
        f"{sync.namespace}/new data.lacity.org:",
    } <= set(said.splitlines())

    sync.annotate(requestedAt="to ask again")
    status = sync.succeed(sync.started(2), **read_by("SODA3"))
    assert condition_of({"status": status}, "InterfaceSupported")["status"] == "True"
    assert "sourceNotices" not in status
    assert status["datasets"][0]["api"] == "SODA3"
    wait_until(
        lambda: {"SourceDeprecated", "SourceInterfaceChanged"} <= set(sync.events()),
        timeout_s=10,
        what="events",
    )


def test_a_job_that_the_cluster_refuses_is_told_and_tried_again(sync: Sync) -> None:
    sync.quota(**{"count/jobs.batch": "0"})
    sync.apply()

    status = sync.until(lambda s: s.get("phase") == "Failed")
    ready = condition_of({"status": status}, "Ready")
    assert ready["reason"] == "JobRefused"
    assert "quota" in ready["message"]

    sync.lift_quota()
    sync.succeed(sync.started())


def test_a_run_that_cannot_start_is_told_and_makes_way_for_its_repair(sync: Sync) -> None:
    mistyped = {"dsnSecretRef": {"name": "bd"}, "table": "requests", "key": ["srnumber"]}
    sync.apply(target=mistyped)
    job = sync.started()
    pod = sync.kubelet.next_pod(job, namespace=sync.namespace)
    sync.kubelet.bind(pod, namespace=sync.namespace)
    why = {"reason": "CreateContainerConfigError", "message": 'secret "bd" not found'}
    sync.kubelet.held_up(pod, namespace=sync.namespace, **why)

    status = sync.until(
        lambda s: s.get("activeRun", {}).get("reason") == "PodNotStarting", timeout_s=40
    )
    told = condition_of({"status": status}, "Synchronizing")
    assert (told["reason"], told["message"]) == ("PodNotStarting", status["activeRun"]["message"])
    assert 'secret "bd" not found' in told["message"]

    ready = condition_of({"status": status}, "Ready")
    assert ready["reason"] == "PodNotStarting"
    assert 'secret "bd" not found' in ready["message"]
    assert status["phase"] == "Pending"

    sync.edit(target={**mistyped, "dsnSecretRef": {"name": "db"}})
    sync.api.wait_for(
        "Pod", pod, lambda p: "deletionTimestamp" in p["metadata"], namespace=sync.namespace
    )
    sync.api.delete("Pod", pod, namespace=sync.namespace, grace_s=0)
    again = sync.started(2)
    status = sync.status()

    assert (status["lastRun"]["reason"], status["lastRun"]["result"]) == ("Replaced", "Cancelled")
    assert 'secret "bd" not found' in status["lastRun"]["message"]
    assert status["activeRun"]["trigger"] == "SpecChange"
    assert status.get("consecutiveFailures", 0) == 0
    assert sync.succeed(again)["phase"] == "Synced"


def test_a_run_that_does_not_start_in_time_fails_with_what_held_it_up_and_is_tried_again(
    sync: Sync,
) -> None:
    """No quota for its pod: Kubernetes tells that on the Job alone."""
    sync.quota(pods="0")
    sync.apply(job={"startDeadlineSeconds": 30}, retry={"interval": "1s"})
    job = sync.started()

    status = sync.ended(job)
    assert (status["lastRun"]["reason"], status["lastRun"]["result"]) == (
        "PodNotStarting",
        "Failed",
    )
    assert f"kubectl describe job {job} -n {sync.namespace}" in status["lastRun"]["message"]
    assert status["lastRun"]["message"].endswith("(spec.job.startDeadlineSeconds)")

    sync.lift_quota()
    again = sync.started(2)
    assert sync.status()["activeRun"]["trigger"] == "Retry"
    assert sync.succeed(again)["phase"] == "Synced"
