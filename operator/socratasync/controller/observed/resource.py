"""A SocrataSync as the operator sees it: the parsed spec or what is wrong with it, what was asked by
annotation, and the status. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from socratasync.api.annotations import CANCEL, FULL, REQUESTED
from socratasync.api.names import portal_of
from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.controller.observed.audience import NOBODY, Audience, audience_of, read_audience
from socratasync.controller.observed.one_off import OneOff, read_one_off
from socratasync.controller.observed.schedule import Schedule, read_schedule, stable_jitter
from socratasync.controller.observed.status import read_status
from socratasync.errors import InvalidSchedule, InvalidSpec, SyncError
from socratasync.times import instant_or_none

_TOKEN_CHARACTERS = 253
"""An annotation may be 256 KiB long; the status echoes, and compares, its beginning."""

_SCHEDULE_FIELDS = ("spec.schedule:", "spec.timeZone:")


class Key(NamedTuple):
    """Which resource."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def logged(self) -> dict[str, dict[str, str]]:
        """For ``extra`` of a log line about the resource: JSON lines have these fields."""
        return {"facts": {"namespace": self.namespace, "name": self.name}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What annotations ask for. A token means something only while the status does not echo it. ``full`` and
    ``one_off`` come by one annotation, so there is never both."""

    run: str | None = None
    full: str | None = None
    one_off: OneOff | None = None
    cancel: str | None = None

    @property
    def full_token(self) -> str | None:
        """The value of the annotation ``full``."""
        return self.one_off.token if self.one_off else self.full


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One SocrataSync. Either ``spec`` or ``problem`` is set; ``schedule`` is None without one.

    ``unreadable``: fields of the status that are not as they should be, as they are written.
    """

    key: Key
    uid: str
    generation: int
    version: str
    created: datetime
    asked: Asked
    status: SyncStatus
    unreadable: Mapping[str, object] = field(default_factory=dict)
    spec: SyncSpec | None = None
    problem: SyncError | None = None
    audience: Audience = NOBODY
    schedule: Schedule | None = None
    deleting: bool = False

    @property
    def domain(self) -> str:
        """The portal whose limit of active runs counts; empty while the spec cannot be read."""
        return portal_of(self.spec.domain) if self.spec else ""

    def due(self, slot: datetime) -> datetime:
        """When the slot's run is to start: the slot and this object's jitter."""
        jitter = self.spec.jitter_seconds if self.spec else 0
        return slot + stable_jitter(self.uid, jitter)


def read_resource(body: Mapping[str, Any]) -> Resource:
    """A SocrataSync from the API, as a mapping. Never raises for what people wrote: a spec that the
    schema let pass and the operator cannot take comes back as ``problem``, and of a status only what
    can be read."""
    metadata = body["metadata"]
    read = read_status(body.get("status") or {})
    written = body.get("spec") or {}
    spec, schedule, problem = _read_spec(written)
    return Resource(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        version=metadata["resourceVersion"],
        created=instant_or_none(metadata.get("creationTimestamp"))
        or datetime.fromtimestamp(0, UTC),
        asked=_read_asked(metadata.get("annotations") or {}),
        status=read.status,
        unreadable=read.unreadable,
        spec=spec,
        problem=problem,
        audience=audience_of(spec) if spec else read_audience(written),
        schedule=schedule,
        deleting="deletionTimestamp" in metadata,
    )


def _read_spec(
    written: Mapping[str, Any],
) -> tuple[SyncSpec | None, Schedule | None, SyncError | None]:
    try:
        spec = SyncSpec.from_json(written)
    except InvalidSpec as exc:
        lines = exc.message.splitlines()
        if all(line.startswith(_SCHEDULE_FIELDS) for line in lines):
            return None, None, InvalidSchedule(exc.message)
        return None, None, exc
    if spec.schedule is None:
        return spec, None, None
    try:
        return spec, read_schedule(spec.schedule, spec.time_zone), None
    except InvalidSchedule as exc:
        return None, None, exc


def _read_asked(annotations: Mapping[str, str]) -> Asked:
    def token(name: str) -> str | None:
        return (annotations.get(name) or "")[:_TOKEN_CHARACTERS] or None

    one_off = read_one_off(annotations.get(FULL) or "", token(FULL) or "")
    return Asked(
        run=token(REQUESTED),
        full=None if one_off else token(FULL),
        one_off=one_off,
        cancel=token(CANCEL),
    )


_ALTERS_THE_LOAD: dict[str, Any] = {
    "domain": True,
    "datasets": True,
    "follow": True,
    "years": True,
    "mode": True,
    "since": True,
    "source": {"app_token_secret_ref", "credentials_secret_ref", "watermark"},
    "target": True,
}


def fingerprint(spec: SyncSpec) -> str:
    """A text that differs when, and only when, what is loaded differs; its version, then sixteen hex digits.

    What has its default is not in it, so a field that a later release adds changes nothing until it is used.
    Secrets count by reference: the operator cannot see their values. The app token is among them
    because another one is how ``InvalidAppToken`` is repaired.
    """
    loaded = spec.model_dump(
        mode="json",
        by_alias=True,
        include=_ALTERS_THE_LOAD,
        exclude_defaults=True,
        exclude_none=True,
    )
    return f"1-{_digest(_without_empty(loaded))}"


def spec_hash(spec: SyncSpec) -> str:
    """A text that differs when anything in the spec does but ``suspend``: a pause changes nothing that could
    make a failed run succeed. Defaults count as in ``fingerprint``."""
    written = spec.model_dump(
        mode="json",
        by_alias=True,
        exclude={"suspend"},
        exclude_defaults=True,
        exclude_none=True,
    )
    return f"1-{_digest(_without_empty(written))}"


def is_loaded(spec: SyncSpec, remembered: str) -> bool:
    """Whether ``remembered``, a status's fingerprint, is that of what the spec loads."""
    return remembered == fingerprint(spec) or remembered == fingerprint_of_version_0(spec)


_FIELDS_OF_VERSION_0: dict[str, Any] = {
    **{field: what for field, what in _ALTERS_THE_LOAD.items() if field != "follow"},
    "datasets": {"__all__": {"id", "year", "columns", "where"}},
    "target": {
        "dsn_secret_ref",
        "schema_",
        "table",
        "key",
        "fields",
        "provenance",
        "reset",
        "prune",
        "on_schema_change",
    },
}


def fingerprint_of_version_0(spec: SyncSpec) -> str:
    """The fingerprint as releases up to 0.1 wrote it, defaults and nulls included, over the fields that
    there were then. A status keeps one until the next run; goes when no such release is upgraded from."""
    return _digest(spec.model_dump(mode="json", by_alias=True, include=_FIELDS_OF_VERSION_0))


def _without_empty(block: dict[str, Any]) -> dict[str, Any]:
    """Without the blocks in which everything has its default."""
    parts = {
        name: _without_empty(part) if isinstance(part, dict) else part
        for name, part in block.items()
    }
    return {name: part for name, part in parts.items() if part != {}}


def _digest(loaded: Mapping[str, Any]) -> str:
    text = json.dumps(loaded, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
