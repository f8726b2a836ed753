"""``spec.hooks`` and ``spec.notify``: the programs and the people that are told how a sync stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from socratasync.api.names import Address, distinct
from socratasync.api.rules import Block, Rule
from socratasync.api.secrets import HeadersSecretRef, WebhookSecretRef

Occasion = Literal[
    "Failure",
    "Recovery",
    "Success",
    "Stale",
    "SourceFrozen",
    "Successor",
    "SchemaChanged",
    "RowCountMismatch",
    "Invalid",
]
"""What a channel can ask for."""

TROUBLES: Final[tuple[Occasion, ...]] = (
    "Failure",
    "Stale",
    "SourceFrozen",
    "Successor",
    "SchemaChanged",
    "RowCountMismatch",
    "Invalid",
)
"""The occasions that begin, last, and are over."""

ChannelKind = Literal["slack", "teams", "webhook"]

CHANNELS: Final = 8
"""How many a sync may have."""


class HookSpec(Block):
    """An HTTP call after a run that changed data, such as one that empties a cache."""

    url: Address
    """The address to call, http:// or https://. Redirects are not followed."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """The HTTP method. The JSON object that docs/notifications.md describes is the body, but for GET and DELETE."""
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


class Webhook(Block):
    """Where a channel is: an address that is a secret."""

    secret_ref: WebhookSecretRef
    """The secret that holds the address."""


class NotifySpec(Block):
    """A channel, and when to write to it."""

    model_config = ConfigDict(json_schema_extra=_bare_on)

    slack: Webhook | None = None
    """A Slack incoming webhook, or one of a program that takes the same (Mattermost, Rocket.Chat)."""
    teams: Webhook | None = None
    """A Microsoft Teams webhook of a workflow ("When a Teams webhook request is received")."""
    webhook: Webhook | None = None
    """Any other address. It gets the JSON object that docs/notifications.md describes, by POST."""
    on: Annotated[
        tuple[Occasion, ...],
        Field(min_length=1, max_length=9),
        distinct("must name each occasion once"),
    ] = (
        "Failure",
        "Recovery",
        "Stale",
        "SourceFrozen",
        "Successor",
        "SchemaChanged",
        "RowCountMismatch",
        "Invalid",
    )
    """When to write. Failure: a run failed, does not start, or cannot be started. Recovery: what this
    channel was told of is over. Success: a run changed data. Stale: Fresh became False. SourceFrozen:
    SourceFresh became False. Successor: SuccessorsLoaded became False. SchemaChanged: SchemaInSync became False. RowCountMismatch: DataVerified became
    False. Invalid: the spec cannot be carried out."""

    rules = (
        Rule(
            message="must name one of slack, teams and webhook; write an entry of the list for each",
            holds=lambda each: sum(1 for c in (each.slack, each.teams, each.webhook) if c) == 1,
            cel="[has(self.slack), has(self.teams), has(self.webhook)].exists_one(there, there)",
        ),
        Rule(
            field="on",
            message="must name what Recovery is a recovery from, such as Failure",
            holds=lambda each: "Recovery" not in each.on or bool({*TROUBLES} & {*each.on}),
            cel="!has(self.on) || !('Recovery' in self.on) || "
            "self.on.exists(each, !(each in ['Recovery', 'Success']))",
        ),
    )

    @property
    def kind(self) -> ChannelKind:
        """Which of the three it is."""
        return "slack" if self.slack else "teams" if self.teams else "webhook"

    @property
    def address(self) -> WebhookSecretRef:
        """The secret that holds its address."""
        channel = self.slack or self.teams or self.webhook
        assert channel is not None, "a rule wants one"
        return channel.secret_ref

    @model_validator(mode="before")
    @classmethod
    def _read_bare_on(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or "true" not in given:
            return given
        return {**{k: v for k, v in given.items() if k != "true"}, "on": given["true"]}
