"""The Kubernetes API as the plugin needs it: the only module of the plugin that calls it.

It goes by the kubeconfig, as kubectl does. Objects are the mappings that they are on the wire, as in
the operator: the container image carries no generated models. Every failure leaves as
``ClusterFailure``, in words.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from socratasync.api.crd import PLURAL
from socratasync.api.manifest import GROUP, KIND, VERSION

Object = dict[str, Any]

FIELD_MANAGER = "kubectl-socratasync"
"""Whose the fields are that a person sets by the plugin. Tools that own the manifest see that they are not
theirs."""

_CONNECT_S = 10
_READ_S = 30
_JOB_LABEL = "batch.kubernetes.io/job-name"
_CONTAINER_WAITS = "is waiting to start"


class ClusterFailure(Exception):
    """The cluster did not do what was asked; the message says why, and what to do."""


class NotStarted(ClusterFailure):
    """The pod is there, but its container has no log yet."""


class NoAnswer(ClusterFailure):
    """The API server could not be reached, or went away in the middle of an answer."""


class Cluster:
    """Calls in one namespace, that of the kubeconfig's context unless another is named."""

    def __init__(
        self, *, namespace: str | None, context: str | None, kubeconfig: Path | None
    ) -> None:
        self._configuration, own = _configuration(context, kubeconfig)
        self.namespace = namespace or own
        self._http = client.ApiClient(self._configuration).rest_client

    def sync(self, name: str) -> Object:
        """The SocrataSync of that name."""
        return self._call("GET", self._syncs(name), about=name)

    def syncs(self, *, everywhere: bool = False) -> list[Object]:
        """All SocrataSyncs of the namespace, or of all namespaces."""
        path = f"/apis/{GROUP}/{VERSION}/{PLURAL}" if everywhere else self._syncs()
        items: list[Object] = self._call("GET", path)["items"]
        return items

    def patch(self, name: str, patch: Mapping[str, Any]) -> Object:
        """Merge the patch into the SocrataSync; the result."""
        query = {"fieldManager": FIELD_MANAGER}
        return self._call("PATCH", self._syncs(name), query, about=name, body=patch)

    def changes(self, name: str, within_s: int) -> Iterator[Object]:
        """The SocrataSync as it is, then at every change, for so many seconds. A watch that is cut
        is taken up again. Raises ``ClusterFailure`` if it is deleted meanwhile."""
        end = time.monotonic() + within_s
        while (left := end - time.monotonic()) > 0:
            yield self.sync(name)
            try:
                yield from self._watch(name, math.ceil(left))
            except NoAnswer:
                continue  # whether the API server is still there, the next look tells

    def _watch(self, name: str, within_s: int) -> Iterator[Object]:
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "timeoutSeconds": str(within_s),
        }
        for line in self._lines(self._syncs(), query, about=name, read_s=within_s + _READ_S):
            event = json.loads(line)
            if event["type"] == "DELETED":
                raise ClusterFailure(f"{name} was deleted")
            if event["type"] == "ERROR":
                status = event["object"]
                if status.get("code") == HTTPStatus.GONE:
                    return  # the API server has forgotten where this watch was
                raise self._failure(int(status.get("code") or 0), status, name)
            yield event["object"]

    def pods(self, job: str) -> list[Object]:
        """The pods of a Job, oldest first."""
        query = {"labelSelector": f"{_JOB_LABEL}={job}"}
        items: list[Object] = self._call("GET", self._pods(), query)["items"]
        return sorted(items, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def log(self, pod: str, *, follow: bool, tail: int | None) -> Iterator[str]:
        """The lines of a pod's log; with ``follow``, on until the pod ends. Raises ``NotStarted``."""
        query = {"follow": "true"} if follow else {}
        if tail is not None:
            query["tailLines"] = str(tail)
        path = f"{self._pods()}/{quote(pod, safe='')}/log"
        read_s = None if follow else _READ_S  # a run may say nothing for a long time
        for line in self._lines(path, query, about=pod, read_s=read_s):
            yield line.decode(errors="replace")

    def _syncs(self, name: str = "") -> str:
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{quote(self.namespace, safe='')}/{PLURAL}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _pods(self) -> str:
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods"

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        about: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> Object:
        with self._explained():
            answer = self._open(method, path, query or {}, about=about, body=body, read_s=_READ_S)
            found: Object = json.loads(answer.data)
        return found

    def _lines(
        self, path: str, query: Mapping[str, str], *, about: str, read_s: float | None
    ) -> Iterator[bytes]:
        """The lines of an answer, each as soon as it has come."""
        with self._explained():
            answer = self._open("GET", path, query, about=about, read_s=read_s)
            try:
                pending = b""
                for chunk in answer.stream(4096, decode_content=True):
                    *lines, pending = (pending + chunk).split(b"\n")
                    yield from lines
                if pending:
                    yield pending
            finally:
                answer.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        about: str,
        read_s: float | None,
        body: Mapping[str, Any] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body still to be read. Raises ``ClusterFailure`` for a refusal."""
        url = f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "*/*", "User-Agent": "kubectl-socratasync"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        identity = self._configuration.auth_settings().get("BearerToken")
        if identity and identity["value"]:
            headers[identity["key"]] = identity["value"]
        answer: urllib3.BaseHTTPResponse = self._http.request(  # type: ignore[no-untyped-call]
            method, url, headers=headers, body=body, _request_timeout=(_CONNECT_S, read_s)
        ).response
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._failure(answer.status, _status(answer.data), about)
        return answer

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as exc:
            raise NoAnswer(
                f"the Kubernetes API at {self._configuration.host} does not answer "
                f"({_short(exc)}); check the cluster and the kubeconfig's context"
            ) from exc

    def _failure(self, code: int, status: Mapping[str, Any], about: str) -> ClusterFailure:
        message = str(status.get("message") or "")
        if code == HTTPStatus.NOT_FOUND and not (status.get("details") or {}).get("name"):
            return ClusterFailure(
                f"this cluster knows no {KIND}s: the CustomResourceDefinition is not installed. Install "
                "the operator, or at least: socratasync crd | kubectl apply -f -"
            )
        if code == HTTPStatus.NOT_FOUND:
            return ClusterFailure(
                f"there is no {about} in namespace {self.namespace}; -n names another, and "
                "kubectl socratasync status -A shows all"
            )
        if code == HTTPStatus.UNAUTHORIZED:
            return ClusterFailure("the cluster does not accept your credentials; log in again")
        if code == HTTPStatus.FORBIDDEN:
            return ClusterFailure(
                f"you may not do that: {message}. Ask for the role edit (or view, to look only) in the "
                "namespace"
            )
        if code == HTTPStatus.BAD_REQUEST and _CONTAINER_WAITS in message:
            return NotStarted(message)
        return ClusterFailure(f"the cluster refuses ({code}): {message}")


def _status(body: bytes) -> dict[str, Any]:
    """The Status object that the API server sent; empty if it sent something else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(exc: Exception) -> str:
    """What kind of failure it was; the client wraps one of TLS, and only its reason says what it was."""
    return str(exc.reason) if isinstance(exc, ApiException) else type(exc).__name__


def _configuration(
    context: str | None, kubeconfig: Path | None
) -> tuple[client.Configuration, str]:
    """Address and identity, and the namespace of the context."""
    configuration = client.Configuration()
    file = str(kubeconfig) if kubeconfig else None
    try:
        contexts, active = config.list_kube_config_contexts(config_file=file)  # type: ignore[no-untyped-call]
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=file, context=context, client_configuration=configuration
        )
    except (config.ConfigException, OSError) as exc:
        raise ClusterFailure(
            f"the kubeconfig cannot be used: {exc}. Name one with --kubeconfig or KUBECONFIG"
        ) from exc
    configuration.retries = False
    chosen = next((c for c in contexts if c["name"] == context), active)
    return configuration, chosen["context"].get("namespace") or "default"
