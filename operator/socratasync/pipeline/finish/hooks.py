"""The edge to everyone else: HTTP calls that tell other systems that data came in.

Hooks empty a cache or reload a report server; the Slack webhook tells people.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from socratasync.contract.report import RunReport
from socratasync.errors import HookFailed, SyncError
from socratasync.pipeline.finish import hooks
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.request import RunRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One call. ``headers`` may hold secrets and are never logged."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    required: bool = False

    @property
    def where(self) -> str:
        """The address without its query, which may hold a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def call(hook: Hook, report: Mapping[str, object]) -> None:
    """Call it, with the report as the JSON body unless the method has none. Raises ``HookFailed``."""
    body = None if hook.method in ("GET", "DELETE") else report
    _send(hook.method, hook.url, hook.where, body, hook.headers, hook.timeout_s)
    log.info("called %s", hook.where)


def post_to_slack(webhook: str, text: str, timeout_s: float = 15.0) -> None:
    """A message to a Slack incoming webhook. Raises ``HookFailed``; never shows the address."""
    _send("POST", webhook, "the Slack webhook", {"text": text}, {}, timeout_s)


def _send(
    method: str,
    url: str,
    where: str,
    body: Mapping[str, object] | None,
    headers: Mapping[str, str],
    timeout_s: float,
) -> None:
    try:
        response = requests.request(
            method, url, json=body, headers=dict(headers), timeout=timeout_s, verify=_bundle()
        )
    except (requests.RequestException, ValueError) as exc:  # an address may be none, in many ways
        # The library's own text quotes the whole address.
        raise HookFailed(f"{where} could not be called: {type(exc).__name__}") from exc
    if response.status_code >= 400:
        raise HookFailed(f"{where} answered HTTP {response.status_code}")


def _bundle() -> str | bool:
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or True


def call_hooks(request: RunRequest, report: RunReport, journal: Journal) -> SyncError | None:
    """Call every hook; returns the first failure of a required one."""
    failed: SyncError | None = None
    for number, hook in enumerate(request.spec.hooks):
        call = hooks.Hook(
            url=hook.url,
            method=hook.method,
            headers=request.secrets.hook_headers.get(number, {}),
            timeout_s=hook.timeout_seconds,
            required=hook.required,
        )
        try:
            hooks.call(call, report.as_dict())
        except HookFailed as exc:
            journal.warn(f"hook: {exc.message}")
            if hook.required:
                failed = failed or exc
    return failed
