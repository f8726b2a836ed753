"""The Kubernetes API, as far as the operator needs it: the only module that calls it.

Objects are the mappings that they are on the wire. Every failure is one of ``cluster/errors``. Kopf,
which watches, has connections of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import client

from socratasync.api.crd import PLURAL
from socratasync.api.manifest import GROUP, VERSION
from socratasync.controller.cluster.credentials import Credentials
from socratasync.controller.cluster.errors import (
    ClusterError,
    Conflict,
    NotThere,
    Unreachable,
    from_status,
)
from socratasync.controller.observed.labels import RUN_SELECTOR, sync_selector
from socratasync.controller.observed.resource import Key

Object = dict[str, Any]

FIELD_MANAGER = "socratasync-operator"
"""Whose the fields are that the operator writes, as `kubectl get --show-managed-fields` tells."""

_TIMEOUT_S = 30
_CHUNK = 500
_CHUNK_OF_SYNCS = 100
_LEASES = "/apis/coordination.k8s.io/v1"
_MERGE = "application/merge-patch+json"
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Cluster:
    """Calls as one identity. Close it when done."""

    def __init__(self, configuration: Credentials) -> None:
        self._configuration = configuration
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before each write, but for those of a Lease: whether it is this process that works."""
        self._http = client.ApiClient(configuration).rest_client

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def serves_syncs(self) -> bool:
        """Whether the CustomResourceDefinition is installed. Raises ``Unreachable``."""
        try:
            found = await self._call("GET", f"/apis/{GROUP}/{VERSION}")
        except NotThere:
            return False
        return any(resource["name"] == PLURAL for resource in found["resources"])

    async def get_sync(self, key: Key) -> Object | None:
        """The SocrataSync as it is now."""
        try:
            return await self._call("GET", _sync_path(key))
        except NotThere:
            return None

    async def syncs(self, namespace: str | None) -> AsyncIterator[Object]:
        """All SocrataSyncs, in one namespace or, for None, in all; few of them are held at a time."""
        path = f"/apis/{GROUP}/{VERSION}{_within(namespace)}/{PLURAL}"
        async for sync in self._list(path, {}, chunk=_CHUNK_OF_SYNCS):
            yield sync

    async def sync_versions(self, namespace: str | None) -> AsyncIterator[tuple[Key, str]]:
        """Key and resource version of all SocrataSyncs, in one namespace or, for None, in all."""
        path = f"/apis/{GROUP}/{VERSION}{_within(namespace)}/{PLURAL}"
        async for item in self._list(path, {}, accept=_METADATA_LIST):
            metadata = item["metadata"]
            yield Key(metadata["namespace"], metadata["name"]), metadata["resourceVersion"]

    async def unsuccessful_jobs(self, namespace: str | None) -> AsyncIterator[Object]:
        """Runs' Jobs that are active or failed, in one namespace or, for None, in all."""
        query = {"labelSelector": RUN_SELECTOR, "fieldSelector": "status.successful=0"}
        async for job in self._list(f"/apis/batch/v1{_within(namespace)}/jobs", query):
            yield job

    async def successful_jobs(self, namespace: str | None) -> AsyncIterator[Object]:
        """Runs' Jobs that have succeeded, their metadata alone, in one namespace or, for None, in all."""
        query = {"labelSelector": RUN_SELECTOR, "fieldSelector": "status.successful=1"}
        path = f"/apis/batch/v1{_within(namespace)}/jobs"
        async for job in self._list(path, query, accept=_METADATA_LIST):
            yield job

    async def list_jobs(self, key: Key) -> list[Object]:
        """The Jobs labelled with the resource's name, as they are now; whose they are is not checked."""
        path = f"/apis/batch/v1/namespaces/{key.namespace}/jobs"
        query = {"labelSelector": sync_selector(key.name)}
        return [job async for job in self._list(path, query)]

    async def create_job(self, job: Mapping[str, Any]) -> Object:
        """The created Job. Raises ``Conflict`` if there is one of that name."""
        path = f"/apis/batch/v1/namespaces/{job['metadata']['namespace']}/jobs"
        return await self._call("POST", path, body=job)

    async def get_job(self, namespace: str, name: str) -> Object | None:
        """The Job of that name."""
        try:
            return await self._call("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}")
        except NotThere:
            return None

    async def delete_job(self, namespace: str, name: str, uid: str, *, pods_first: bool) -> None:
        """Delete this very Job and its pods. With ``pods_first`` the Job stays until they have stopped."""
        options = {
            "propagationPolicy": "Foreground" if pods_first else "Background",
            "preconditions": {"uid": uid},
        }
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"
        try:
            await self._call("DELETE", path, body=options)
        except (NotThere, Conflict):
            return  # gone, or another Job by now

    async def list_pods(self, namespace: str, job: str) -> list[Object]:
        """The pods of a Job."""
        query = {"labelSelector": f"batch.kubernetes.io/job-name={job}"}
        return [pod async for pod in self._list(f"/api/v1/namespaces/{namespace}/pods", query)]

    async def get_pod(self, namespace: str, name: str) -> Object | None:
        """The pod of that name, by the right to list pods: the operator needs no other."""
        query = {"fieldSelector": f"metadata.name={name}"}
        found = [pod async for pod in self._list(f"/api/v1/namespaces/{namespace}/pods", query)]
        return found[0] if found else None

    async def read_log(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of the log of one of a pod's containers."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        text = await self._request("GET", path, {"container": container, "tailLines": str(lines)})
        return text.decode(errors="replace")

    async def patch_status(self, key: Key, patch: Mapping[str, Any], version: str) -> str:
        """Merge ``patch`` into the status and give back the resource's new version. Raises ``Conflict`` if
        it is no longer of the version given."""
        body = {"metadata": {"resourceVersion": version}, "status": patch}
        path = f"{_sync_path(key)}/status"
        # Only its metadata comes back: what was written is known.
        found = await self._call("PATCH", path, body=body, content=_MERGE, accept=_METADATA)
        return str(found["metadata"]["resourceVersion"])

    async def create_event(self, event: Mapping[str, Any]) -> None:
        """Create an event. If there is one of that name it is the same, and stays."""
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        try:
            await self._call("POST", path, body=event)
        except Conflict:
            return

    async def get_lease(self, key: Key) -> Object | None:
        """The Lease as it is now."""
        try:
            return await self._call("GET", f"{_leases(key.namespace)}/{key.name}")
        except NotThere:
            return None

    async def create_lease(self, lease: Mapping[str, Any]) -> Object:
        """The created Lease. Raises ``Conflict`` if there is one of that name."""
        return await self._call("POST", _leases(lease["metadata"]["namespace"]), body=lease)

    async def replace_lease(self, lease: Mapping[str, Any]) -> Object:
        """The Lease as it was written. Raises ``Conflict`` if it changed since it was read."""
        metadata = lease["metadata"]
        path = f"{_leases(metadata['namespace'])}/{metadata['name']}"
        return await self._call("PUT", path, body=lease)

    async def _list(
        self, path: str, query: Mapping[str, str], accept: str = _JSON, chunk: int = _CHUNK
    ) -> AsyncIterator[Object]:
        part: dict[str, str] = {"limit": str(chunk)}
        while True:
            page = await self._call("GET", path, {**query, **part}, accept=accept)
            for item in page["items"] or []:  # Go writes an empty list as null
                yield item
            following = page["metadata"].get("continue")
            if not following:
                return
            part["continue"] = following

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        content: str = _JSON,
        accept: str = _JSON,
    ) -> Object:
        answer = await self._request(method, path, query, body=body, content=content, accept=accept)
        found: Object = json.loads(answer)
        return found

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        content: str = _JSON,
        accept: str = "*/*",
    ) -> bytes:
        if method != "GET" and not path.startswith(_LEASES) and not self.may_write():
            raise Unreachable("this operator does not hold the lease: another one may work now")
        if method in ("POST", "PATCH"):
            query = {**(query or {}), "fieldManager": FIELD_MANAGER}
        url = f"{self._configuration.host}{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": FIELD_MANAGER}
        identity = (await self._configuration.auth_settings()).get("BearerToken")
        if identity and identity["value"]:
            headers[identity["key"]] = identity["value"]
        try:
            reply = await self._http.request(  # type: ignore[no-untyped-call]
                method, url, headers=headers, body=body, _request_timeout=_timeout()
            )
            answer: bytes = await reply.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise Unreachable(
                f"the Kubernetes API does not answer: {exc or type(exc).__name__}"
            ) from exc
        if reply.status >= 400:
            raise _error(reply.status, answer)
        return answer


def _timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=_TIMEOUT_S, connect=10)


def _error(code: int, answer: bytes) -> ClusterError:
    try:
        message = str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        message = answer[:200].decode(errors="replace")
    return from_status(code, message)


def _leases(namespace: str) -> str:
    return f"{_LEASES}/namespaces/{namespace}/leases"


def _within(namespace: str | None) -> str:
    return f"/namespaces/{namespace}" if namespace else ""


def _sync_path(key: Key) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{key.namespace}/{PLURAL}/{key.name}"
