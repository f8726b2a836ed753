"""``spec.hooks`` and ``spec.notify``: the programs and the people that are told of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from socratasync.api.names import Address, distinct
from socratasync.api.rules import Block
from socratasync.api.secrets import HeadersSecretRef, SlackWebhookSecretRef

Occasion = Literal["Failure", "Recovery", "Success"]


class HookSpec(Block):
    """An HTTP call after a run that changed data, such as one that empties a cache."""

    url: Address
    """The address to call, http:// or https://. Redirects are not followed."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """The HTTP method. The run's report is the body, but for GET and DELETE."""
    headers_secret_ref: HeadersSecretRef | None = None
    """The secret whose keys and values are sent as headers."""
    timeout_seconds: Annotated[StrictInt, Field(ge=1, le=300)] = 30
    """Seconds for the whole call, from looking up the name to the end of the answer."""
    required: StrictBool = False
    """Whether the run fails, and is tried again, when the call fails. The data is in either way."""


def _bare_on(schema: dict[str, Any]) -> None:
    """The field's name ``on``, also where YAML 1.1 (kubectl's) made ``true`` of it."""
    properties = schema["properties"]
    properties["true"] = {
        **{word: rule for word, rule in properties["on"].items() if word != "default"},
        "description": "The field on, as YAML reads it if it has no quotes. It means the same; if both are given, this counts.",
    }


class NotifySpec(Block):
    """Messages to people."""

    model_config = ConfigDict(json_schema_extra=_bare_on)

    slack_webhook_secret_ref: SlackWebhookSecretRef
    """The secret that holds the Slack webhook's address."""
    on: Annotated[
        tuple[Occasion, ...],
        Field(min_length=1, max_length=3),
        distinct("must name each occasion once"),
    ] = ("Failure", "Recovery")
    """When the worker writes: Failure (each try that ends with an error; a pod that is killed or never
    starts writes nothing), Recovery (the first success after a failure that the target's bookkeeping
    knows of), Success (every one that changed data, and every recovery)."""

    @model_validator(mode="before")
    @classmethod
    def _read_bare_on(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or "true" not in given:
            return given
        return {**{k: v for k, v in given.items() if k != "true"}, "on": given["true"]}
