"""What an account may do, as the API server itself lists it, and what it did, as the wiretap heard it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.cluster.api import Api, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.wiretap import Call

GROUP = "socratasync.dev"


class Right(NamedTuple):
    """One verb on one resource, or on a part of it (``pods/log``), of an API group."""

    verb: str
    group: str
    resource: str


NEEDED = frozenset(
    Right(verb, group, resource)
    for group, resource, verbs in (
        (GROUP, "socratasyncs", "get list watch"),
        (GROUP, "socratasyncs/status", "patch"),
        ("batch", "jobs", "get list watch create delete"),
        ("", "pods", "list"),
        ("", "pods/log", "get"),
        ("", "events", "create"),
    )
    for verb in verbs.split()
)
"""All that the operator does, and so all that it may: docs/security.md has the same table, with reasons."""


def granted(plane: ControlPlane, account: str, *, home: str, where: str) -> set[Right]:
    """What the account, which lives in ``home``, may do in ``where`` and any other account there may not."""
    api = plane.api_as(account, namespace=home)
    other = plane.api_as("default", namespace=home)
    try:
        return _listed(api, where) - _listed(other, where)
    finally:
        api.close()
        other.close()


def _listed(api: Api, where: str) -> set[Right]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": where},
    }
    answer = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    status = answer["status"]
    assert not status.get("evaluationError"), status
    return {right for rule in status["resourceRules"] for right in _rights_of(rule)}


def _rights_of(rule: Object) -> Iterator[Right]:
    names = rule.get("resourceNames") or [""]
    for verb in rule["verbs"]:
        for group in rule.get("apiGroups") or [""]:
            for resource in rule.get("resources") or []:
                for name in names:
                    yield Right(verb, group, f"{resource}[{name}]" if name else resource)


def used(calls: Iterable[Call]) -> set[Right]:
    """The rights without which these calls would have been refused. Asking what there is needs none."""
    return {right for call in calls if (right := _right_for(call))}


def _right_for(call: Call) -> Right | None:
    parts = call.path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else ("".join(parts[1:2]), parts[3:])
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest:
        return None
    resource, name, part = (*rest, "", "", "")[:3]
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(
        call.method
    )
    if verb is None:
        verb = "watch" if call.watches else "get" if name else "list"
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Right(verb, group, f"{resource}/{part}" if part else resource)
