"""The Kubernetes API as the plugin needs it: the only module of the plugin that calls it.

It goes by the kubeconfig, as kubectl does. Every failure leaves as ``ClusterFailure``, in words.
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

import urllib3
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from socratasync.api.crd import PLURAL
from socratasync.api.manifest import GROUP, KIND, VERSION

Object = dict[str, Any]

_TIMEOUT = (10, 30)
_JOB_LABEL = "batch.kubernetes.io/job-name"
_CONTAINER_WAITS = "is waiting to start"


class ClusterFailure(Exception):
    """The cluster did not do what was asked; the message says why, and what to do."""


class NotStarted(ClusterFailure):
    """The pod is there, but its container has no log yet."""


class Cluster:
    """Calls in one namespace, that of the kubeconfig's context unless another is named."""

    def __init__(
        self, *, namespace: str | None, context: str | None, kubeconfig: Path | None
    ) -> None:
        configuration, own = _configuration(context, kubeconfig)
        self.namespace = namespace or own
        api = client.ApiClient(configuration)
        self._syncs: Any = client.CustomObjectsApi(api)
        self._core: Any = client.CoreV1Api(api)
        self._host = configuration.host

    def sync(self, name: str) -> Object:
        """The SocrataSync of that name."""
        with self._explained(name):
            found: Object = self._syncs.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=_TIMEOUT
            )
        return found

    def syncs(self, *, everywhere: bool = False) -> list[Object]:
        """All SocrataSyncs of the namespace, or of all namespaces."""
        with self._explained():
            if everywhere:
                found = self._syncs.list_cluster_custom_object(
                    GROUP, VERSION, PLURAL, _request_timeout=_TIMEOUT
                )
            else:
                found = self._syncs.list_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, _request_timeout=_TIMEOUT
                )
        items: list[Object] = found["items"]
        return items

    def patch(self, name: str, patch: Mapping[str, Any]) -> Object:
        """Merge the patch into the SocrataSync; the result."""
        with self._explained(name):
            found: Object = self._syncs.patch_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, dict(patch), _request_timeout=_TIMEOUT
            )
        return found

    def changes(self, name: str, within_s: int) -> Iterator[Object]:
        """The SocrataSync as it is, then at every change, for so many seconds. A watch that is cut
        is taken up again. Raises ``ClusterFailure`` if it is deleted meanwhile."""
        end = time.monotonic() + within_s
        while (left := end - time.monotonic()) > 0:
            yield self.sync(name)
            try:
                yield from self._watch(name, math.ceil(left))
            except ApiException as exc:
                if exc.status != HTTPStatus.GONE:
                    raise self._failure(exc, name) from exc
            except urllib3.exceptions.HTTPError:
                continue  # whether the API server is still there, the next look tells

    def _watch(self, name: str, within_s: int) -> Iterator[Object]:
        stream = watch.Watch().stream(  # type: ignore[no-untyped-call]  # partly typed library
            self._syncs.list_namespaced_custom_object,
            GROUP,
            VERSION,
            self.namespace,
            PLURAL,
            field_selector=f"metadata.name={name}",
            timeout_seconds=within_s,
        )
        for event in stream:
            if event["type"] == "DELETED":
                raise ClusterFailure(f"{name} was deleted")
            yield event["object"]

    def pods(self, job: str) -> list[Object]:
        """The pods of a Job, oldest first."""
        with self._explained():
            answer = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"{_JOB_LABEL}={job}",
                _preload_content=False,
                _request_timeout=_TIMEOUT,
            )
        items: list[Object] = json.loads(answer.data)["items"]
        return sorted(items, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def log(self, pod: str, *, follow: bool, tail: int | None) -> Iterator[str]:
        """The lines of a pod's log; with ``follow``, on until the pod ends. Raises ``NotStarted``."""
        words = {"tail_lines": tail} if tail is not None else {}
        with self._explained(pod):
            answer = self._core.read_namespaced_pod_log(
                pod, self.namespace, follow=follow, _preload_content=False, **words
            )
            pending = b""
            for chunk in answer.stream(4096, decode_content=True):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if pending:
                yield pending.decode(errors="replace")

    @contextmanager
    def _explained(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except ApiException as exc:
            raise self._failure(exc, name) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise ClusterFailure(
                f"the Kubernetes API at {self._host} does not answer ({type(exc).__name__}); check "
                "the cluster and the kubeconfig's context"
            ) from exc

    def _failure(self, exc: ApiException, name: str) -> ClusterFailure:
        status = _status(exc)
        message = str(status.get("message") or exc.reason or "")
        if exc.status == HTTPStatus.NOT_FOUND and not (status.get("details") or {}).get("name"):
            return ClusterFailure(
                f"this cluster knows no {KIND}s: the CustomResourceDefinition is not installed. Install "
                "the operator, or at least: socratasync crd | kubectl apply -f -"
            )
        if exc.status == HTTPStatus.NOT_FOUND:
            return ClusterFailure(
                f"there is no {name} in namespace {self.namespace}; -n names another, and "
                "kubectl socratasync status -A shows all"
            )
        if exc.status == HTTPStatus.UNAUTHORIZED:
            return ClusterFailure("the cluster does not accept your credentials; log in again")
        if exc.status == HTTPStatus.FORBIDDEN:
            return ClusterFailure(
                f"you may not do that: {message}. Ask for the role edit (or view, to look only) in the "
                "namespace"
            )
        if exc.status == HTTPStatus.BAD_REQUEST and _CONTAINER_WAITS in message:
            return NotStarted(message)
        return ClusterFailure(f"the cluster refuses ({exc.status}): {message}")


def _status(exc: ApiException) -> dict[str, Any]:
    """The Status object that the API server sent; empty if it sent something else."""
    try:
        body = exc.body.decode() if isinstance(exc.body, bytes) else exc.body
        found = json.loads(body or "")
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


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
