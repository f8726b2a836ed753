"""``spec.job``: the limits of a run's Job, and what its container may use."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from socratasync.api.pod import PodTemplate
from socratasync.api.rules import Block, IntOrString, Rule
from socratasync.api.times import matches

_QUANTITY = "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_SUFFIXES = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** (n + 1) for n, suffix in enumerate("kMGTPE")},
    **{f"{suffix}i": Decimal(1024) ** (n + 1) for n, suffix in enumerate("KMGTPE")},
}


Quantity = Annotated[
    int | str,
    IntOrString(),
    Rule(
        message="must be a quantity, such as 100m, 2 or 512Mi",
        holds=lambda value: matches(_QUANTITY, str(value)),
        cel=f"string(self).matches('{_QUANTITY}')",
    ),
]
Quantities = Annotated[
    dict[Annotated[StrictStr, Field(min_length=1, max_length=63)], Quantity], Field(max_length=8)
]


def read_quantity(value: int | str) -> Decimal:
    """The quantity as a number, such as of cores or bytes."""
    text = str(value)
    suffix = text.lstrip("0123456789.")
    return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))


def no_request_above_its_limit(
    requests: Mapping[str, int | str], limits: Mapping[str, int | str]
) -> bool:
    """Whether no request is above its limit; Kubernetes refuses such pods."""
    return all(
        read_quantity(asked) <= read_quantity(limits[name])
        for name, asked in requests.items()
        if name in limits
    )


class Resources(Block):
    """What the worker's container asks for and may use. What is not said has the operator's default."""

    rules = (
        Rule(
            message="must not be above limits: raise the limit or lower the request",
            holds=lambda resources: no_request_above_its_limit(
                resources.requests or {}, resources.limits or {}
            ),
            cel="!has(self.requests) || !has(self.limits) || self.requests.all(r, "
            "!(r in self.limits) || !isQuantity(string(self.requests[r])) || "
            "!isQuantity(string(self.limits[r])) || "
            "!quantity(string(self.requests[r])).isGreaterThan(quantity(string(self.limits[r]))))",
            field="requests",
        ),
    )

    requests: Quantities | None = None
    """What the pod is scheduled by. If not given: the operator's default, {cpu: 100m, memory: 128Mi} unless it was told another."""
    limits: Quantities | None = None
    """What the container may not exceed. If not given: the operator's default, {memory: 512Mi} unless it was told another."""


class JobSpec(Block):
    """The Kubernetes Job that carries out a run."""

    backoff_limit: Annotated[StrictInt, Field(ge=0, le=20)] = 3
    """How often a pod is tried again that failed for a reason that may pass."""
    active_deadline_seconds: Annotated[StrictInt, Field(ge=1, le=1_209_600)] = 21_600
    """Seconds after which a run, retries and all, is stopped. Never without end."""
    start_deadline_seconds: Annotated[StrictInt, Field(ge=30, le=1_209_600)] = 600
    """Seconds that a pod may take to start. A run whose pod does not start in time is ended, with what held it
    up, and tried again by spec.retry."""
    ttl_seconds_after_finished: Annotated[StrictInt, Field(ge=60, le=31_536_000)] = 604_800
    """Seconds after which Kubernetes removes a finished Job, if the history limits have not removed it yet."""
    resources: Resources = Resources()
    """What the worker's container asks for and may use. Memory stays flat however many rows there are."""
    pod_template: PodTemplate = PodTemplate()
    """What is added to the worker's pod, and to what the operator adds. Its image, command and security context cannot be changed."""
