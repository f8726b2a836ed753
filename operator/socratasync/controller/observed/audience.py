"""Who is to be told of a sync, and what the pods that tell them need to start. Pure.

A spec that cannot be carried out is news itself. So this is read also where nothing else of the spec can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from socratasync.api.notify import NotifySpec
from socratasync.api.pod import PodTemplate
from socratasync.api.problems import without_nulls
from socratasync.api.rules import Block
from socratasync.api.spec import SyncSpec

B = TypeVar("B", bound=Block)

_PLAIN = PodTemplate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The channels of ``spec.notify``, and ``spec.job.podTemplate``."""

    channels: tuple[NotifySpec, ...] = ()
    pod_template: PodTemplate = _PLAIN


NOBODY = Audience()


def audience_of(spec: SyncSpec) -> Audience:
    """That of a spec that can be read."""
    return Audience(channels=spec.notify, pod_template=spec.job.pod_template)


def read_audience(written: Mapping[str, Any]) -> Audience:
    """As much of it as can be read of a spec that, as a whole, cannot. Never raises."""
    job = written.get("job")
    template = _read(PodTemplate, job.get("podTemplate")) if isinstance(job, Mapping) else None
    return Audience(
        channels=tuple(_channels(written.get("notify"))), pod_template=template or _PLAIN
    )


def _channels(written: object) -> Iterator[NotifySpec]:
    for entry in written if isinstance(written, list) else []:
        if channel := _read(NotifySpec, entry):
            yield channel


def _read(block: type[B], written: object) -> B | None:
    if not isinstance(written, Mapping):
        return None
    try:
        return block.model_validate(without_nulls(written), by_alias=True, by_name=False)
    except ValidationError:
        return None
