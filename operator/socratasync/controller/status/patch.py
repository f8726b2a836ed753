"""The status as JSON, and the patch from one status to the next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socratasync.api.status import STATUS, SyncStatus
from socratasync.controller.observed.resource import Resource


def status_patch(resource: Resource, status: SyncStatus) -> dict[str, Any]:
    """The JSON merge patch that makes ``status`` the resource's; empty if it is so already.

    It names no field that only a newer release knows. A field that could not be read is replaced.
    """
    if status == resource.status and not resource.unreadable:
        return {}
    before = {**as_json(resource.status), **resource.unreadable}
    return difference(before, as_json(status))


def as_json(status: SyncStatus) -> dict[str, Any]:
    """camelCase; what is None is absent, for a status says nothing rather than null."""
    written: dict[str, Any] = STATUS.dump_python(
        status, mode="json", by_alias=True, exclude_none=True
    )
    return written


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch from ``old`` to ``new``; empty if nothing changed."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if before == value:
            continue
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            patch[name] = difference(before, value)
        else:
            patch[name] = value
    return patch
