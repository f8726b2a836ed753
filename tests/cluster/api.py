"""The Kubernetes API as plain HTTPS calls, for tests: no client library between them and it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from tests.cluster.processes import wait_until

Object = dict[str, Any]

_PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}

_PLURALS = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/{}pods",
    "Event": "/api/v1/{}events",
    "Secret": "/api/v1/{}secrets",
    "ConfigMap": "/api/v1/{}configmaps",
    "ServiceAccount": "/api/v1/{}serviceaccounts",
    "ResourceQuota": "/api/v1/{}resourcequotas",
    "LimitRange": "/api/v1/{}limitranges",
    "Node": "/api/v1/nodes",
    "Job": "/apis/batch/v1/{}jobs",
    "SocrataSync": "/apis/socratasync.dev/v1alpha1/{}socratasyncs",
}


class Refused(Exception):
    """The API server said no: ``code`` is HTTP's, ``message`` the server's sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """Calls as one identity: a client certificate or a token. Use one per thread."""

    def __init__(
        self, url: str, *, ca: Path, cert: tuple[Path, Path] | None = None, token: str = ""
    ) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business on the loopback
        self._session.verify = str(ca)
        if cert:
            self._session.cert = (str(cert[0]), str(cert[1]))
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Gives the connections back."""
        self._session.close()

    def call(
        self, method: str, path: str, body: object = None, *, patch: str = "", **query: str
    ) -> Object:
        """The answer as JSON. Raises ``Refused`` for 4xx and 5xx."""
        kind = _PATCHES.get(patch, "application/json")
        reply = self._session.request(
            method,
            self.url + path,
            params=query,
            json=body,
            headers={"Content-Type": kind},
            timeout=30,
        )
        if reply.status_code >= 400:
            raise Refused(reply.status_code, _sentence(reply))
        found: Object = reply.json() if reply.content else {}
        return found

    def is_ready(self) -> bool:
        """True when /readyz says ok; False for every kind of no, refused connections included."""
        try:
            return self._session.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def create(self, obj: Mapping[str, Any], *, namespace: str = "", **query: str) -> Object:
        """Creates ``obj``; its kind must be in the table above."""
        return self.call("POST", _collection(obj["kind"], namespace), dict(obj), **query)

    def get(self, kind: str, name: str, *, namespace: str = "") -> Object:
        """The object. Raises ``Refused`` with code 404 when it is not there."""
        return self.call("GET", f"{_collection(kind, namespace)}/{name}")

    def find(self, kind: str, name: str, *, namespace: str = "") -> Object | None:
        """The object, or None when it is not there."""
        try:
            return self.get(kind, name, namespace=namespace)
        except Refused as exc:
            if exc.code == 404:
                return None
            raise

    def list(self, kind: str, *, namespace: str = "", selector: str = "") -> list[Object]:
        """The objects that a label selector matches; of all namespaces when none is named."""
        found = self.call("GET", _collection(kind, namespace), labelSelector=selector)
        items: list[Object] = found["items"]
        return items

    def delete(
        self, kind: str, name: str, *, namespace: str = "", grace_s: int | None = None
    ) -> None:
        """Deletes it and, in the background, all it owns. An absent object is no error."""
        options: Object = {"propagationPolicy": "Background"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            self.call("DELETE", f"{_collection(kind, namespace)}/{name}", options)
        except Refused as exc:
            if exc.code != 404:
                raise

    def patch(
        self, kind: str, name: str, body: object, *, namespace: str = "", part: str = ""
    ) -> Object:
        """A merge patch of the object, or of its subresource ``part``."""
        path = f"{_collection(kind, namespace)}/{name}" + (f"/{part}" if part else "")
        return self.call("PATCH", path, body, patch="merge")

    def wait_for(
        self,
        kind: str,
        name: str,
        condition: Callable[[Object], object],
        *,
        namespace: str = "",
        timeout_s: float = 30,
    ) -> Object:
        """The object once ``condition`` holds for it. Raises ``NotReady`` with what it was last."""
        last: list[Object | None] = [None]

        def look() -> Object | None:
            last[0] = self.find(kind, name, namespace=namespace)
            return last[0] if last[0] and condition(last[0]) else None

        try:
            return wait_until(look, timeout_s=timeout_s, what=f"{kind} {namespace}/{name}")
        except AssertionError as exc:
            raise type(exc)(f"{exc}; it is {last[0]}") from None

    def wait_gone(
        self, kind: str, name: str, *, namespace: str = "", timeout_s: float = 30
    ) -> None:
        """Returns once the object is not there any more."""
        wait_until(
            lambda: self.find(kind, name, namespace=namespace) is None,
            timeout_s=timeout_s,
            what=f"{kind} {namespace}/{name} to go",
        )


def condition_of(obj: Object, kind: str) -> Object:
    """The condition of that type in the status, or an empty one."""
    conditions: list[Object] = obj.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def _collection(kind: str, namespace: str) -> str:
    return _PLURALS[kind].format(f"namespaces/{namespace}/" if namespace else "")


def _sentence(reply: requests.Response) -> str:
    try:
        return str(reply.json().get("message", reply.text))
    except requests.JSONDecodeError:
        return reply.text
