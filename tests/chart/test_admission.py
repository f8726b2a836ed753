"""A real API server accepts what the chart and the manifests render, and rights are what they say."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from tests.chart.combinations import COMBINATIONS
from tests.chart.conftest import alone
from tests.chart.rendering import Object, kustomize, notes, render
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import wait_until
from tests.cluster.rights import NEEDED, Right, granted

from socratasync.api.manifest import read_manifest

SYNCS = "socratasyncs.socratasync.dev"


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_the_api_server_accepts_every_combination(
    cluster: ControlPlane, values: Mapping[str, Any]
) -> None:
    rendered = render(values)

    with alone(cluster):
        said = cluster.apply(*rendered, dry_run=True)

    assert said.count("(server dry run)") == len(rendered)


@pytest.mark.parametrize("folder", ["manifests", "manifests/namespaced", "crds"])
def test_the_api_server_accepts_the_plain_manifests(cluster: ControlPlane, folder: str) -> None:
    found = kustomize(folder)

    with alone(cluster):
        said = cluster.apply(*found, dry_run=True)

    assert said.count("(server dry run)") == len(found)


def test_the_api_server_accepts_the_policy_for_jobs(cluster: ControlPlane) -> None:
    said = cluster.kubectl(
        "apply", "--dry-run=server", "-n", "data", "-f", "manifests/sync-jobs-network-policy.yaml"
    )

    assert "socratasync-sync-jobs created (server dry run)" in said


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda: render(), id="the chart"),
        pytest.param(lambda: kustomize("manifests"), id="the manifests"),
    ],
)
def test_the_operators_pod_is_admitted_where_only_restricted_pods_are(
    cluster: ControlPlane, found: Any
) -> None:
    with installed(cluster, found()):
        said = cluster.kubectl(
            "wait", "--for=create", "--timeout=30s", "-n", "socratasync-system", "pod",
            "-l", "app.kubernetes.io/name=socratasync,app.kubernetes.io/component=operator",
        )  # fmt: skip

    assert "condition met" in said


@pytest.mark.parametrize(
    ("found", "mine", "foreign"),
    [
        pytest.param(lambda: render({}), ["data", "maps", "default"], [], id="the whole cluster"),
        pytest.param(
            lambda: render({"watch": {"scope": "Namespaces", "namespaces": ["data"]}}),
            ["data"],
            ["maps", "socratasync-system"],
            id="the namespaces named",
        ),
        pytest.param(
            lambda: render({"watch": {"scope": "ReleaseNamespace"}}),
            ["socratasync-system"],
            ["data", "maps"],
            id="the release's namespace",
        ),
        pytest.param(
            lambda: kustomize("manifests"), ["data", "default"], [], id="the plain manifests"
        ),
    ],
)
def test_the_operator_may_do_its_work_and_nothing_else(
    cluster: ControlPlane,
    found: Callable[[], list[Object]],
    mine: Sequence[str],
    foreign: Sequence[str],
) -> None:
    def may_do(namespace: str) -> set[Right]:
        return granted(cluster, "socratasync", home="socratasync-system", where=namespace)

    with installed(cluster, found()):
        for namespace in (*mine, *foreign):
            wanted = NEEDED if namespace in mine else set()
            wait_until(  # the server's caches follow after a moment
                lambda: may_do(namespace) == wanted,  # noqa: B023 - called at once
                timeout_s=30,
                what=f"the rights in {namespace} to be those that are used",
            )


@pytest.mark.parametrize(
    ("role", "may_do", "may_not_do"),
    [
        ("view", ["get", "list", "watch"], ["create", "patch", "delete"]),
        ("edit", ["get", "create", "update", "patch", "delete"], ["deletecollection"]),
        ("admin", ["get", "create", "patch", "delete", "deletecollection"], []),
    ],
)
def test_the_built_in_roles_cover_syncs(
    cluster: ControlPlane, role: str, may_do: Sequence[str], may_not_do: Sequence[str]
) -> None:
    person = f"a-person-who-may-{role}"
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": person, "namespace": "data"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": person}],
    }
    with installed(cluster, [*render({"crds": {"install": False}}), binding]):
        settle(cluster, person, [f"{verb} {SYNCS}" for verb in may_do], "data", allowed=True)
        assert [v for v in may_not_do if may(cluster, person, f"{v} {SYNCS}", "data")] == []
        assert not may(cluster, person, f"get {SYNCS}", "maps")


@pytest.mark.parametrize(
    ("watch", "sentence"),
    [
        ({"scope": "Cluster"}, "looks after SocrataSyncs in every namespace."),
        ({"scope": "Namespaces", "namespaces": ["data", "maps"]}, "SocrataSyncs in data, maps."),
        ({"scope": "ReleaseNamespace"}, "SocrataSyncs in socratasync-system."),
    ],
    ids=["the cluster", "some namespaces", "its own namespace"],
)
def test_the_notes_say_where_syncs_are_looked_after_and_show_one_that_is_valid(
    cluster: ControlPlane, watch: Mapping[str, Any], sentence: str
) -> None:
    said = notes(cluster.kubeconfig, {"watch": watch, "crds": {"install": False}})

    assert sentence in said
    assert "helm -n socratasync-system test socratasync" in said
    shown = textwrap.dedent(said.partition("apply -f - <<'YAML'\n")[2].partition("  YAML")[0])
    assert read_manifest(shown).name == "la-311"


@contextmanager
def installed(cluster: ControlPlane, found: Sequence[Object]) -> Iterator[None]:
    """Objects that are there for the time of a test; the definition and the namespaces stay."""
    passing = [o for o in found if o["kind"] not in ("Namespace", "CustomResourceDefinition")]
    passing = [o for o in passing if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    text = "\n---\n".join(json.dumps(o) for o in passing)
    with alone(cluster):
        cluster.apply(*passing)
        try:
            yield
        finally:
            cluster.kubectl("delete", "--ignore-not-found", "--wait=true", "-f", "-", stdin=text)


def settle(
    cluster: ControlPlane, user: str, work: Sequence[str], namespace: str, *, allowed: bool
) -> None:
    """Returns once the server answers so for all of ``work``: its caches, and the controller that
    aggregates roles, follow a change after a moment. Raises ``NotReady`` if they never do."""
    wait_until(
        lambda: all(may(cluster, user, what, namespace) == allowed for what in work),
        timeout_s=30,
        what=f"{user} in {namespace} to be {'allowed' if allowed else 'refused'} {', '.join(work)}",
    )


def may(cluster: ControlPlane, user: str, what: str, namespace: str) -> bool:
    """Whether that user may do that ("verb resource.group/subresource") there, as the server says."""
    verb, resource = what.split()
    resource, _, subresource = resource.partition("/")
    plural, _, group = resource.partition(".")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "namespace": namespace,
                "verb": verb,
                "group": group,
                "resource": plural,
                "subresource": subresource,
            },
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = cluster.api.call("POST", path, review)
    return bool(answer["status"]["allowed"])
