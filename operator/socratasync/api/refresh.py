"""``spec.refresh``: what follows once the data is in."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictStr
from pydantic_core import PydanticCustomError

from socratasync.api.names import ViewName, distinct
from socratasync.api.rules import Block, Rule
from socratasync.api.script import BadScript, Statement, read_script
from socratasync.api.secrets import ConfigMapKeyRef

LONGEST_SQL = 65_536
"""Characters of a text in the manifest, which a Job's variable must hold with all the rest of it."""


def _checked(text: str) -> str:
    try:
        read_script(text)
    except BadScript as exc:
        raise PydanticCustomError("script", "{sentence}", {"sentence": str(exc)}) from exc
    return text


SqlText = Annotated[
    StrictStr, Field(min_length=1, max_length=LONGEST_SQL), AfterValidator(_checked)
]


class RefreshSpec(Block):
    """What follows once the data is in."""

    rules = (
        Rule(
            message="must not be given beside sqlConfigMapRef: choose one of them",
            holds=lambda refresh: refresh.sql is None or refresh.sql_config_map_ref is None,
            cel="!(has(self.sql) && has(self.sqlConfigMapRef))",
            field="sql",
        ),
    )

    materialized_views: Annotated[
        tuple[ViewName, ...], Field(max_length=64), distinct("must name each view once")
    ] = ()
    """Materialized views to refresh, in this order; concurrently where a unique index allows."""
    vacuum: Literal["Analyze", "Full", "None"] = "Analyze"
    """VACUUM of the target: Analyze (readers and writers go on), Full (locks the table), or None."""
    sql: SqlText | None = None
    """Statements that are run after the views, in one transaction, as the role that loads: views, grants, functions
    of the app. By each run that changed rows, and by the next run after the text changed; so they must bear being
    run again. No secret: the text is shown."""
    sql_config_map_ref: ConfigMapKeyRef | None = None
    """The same, as a key of a config map, of at most 120,000 bytes. It may change without an edit here: the next run
    takes what is there then."""

    @property
    def script(self) -> tuple[Statement, ...]:
        """The statements to run after the views; none where there is no text."""
        return () if self.sql is None else read_script(self.sql)

    @property
    def sql_digest(self) -> str | None:
        """What tells one text from another, and nobody what is in it; None where there is no text."""
        return None if self.sql is None else hashlib.sha256(self.sql.encode()).hexdigest()[:32]

    @property
    def written_in(self) -> str:
        """Where the manifest has the text, for people."""
        if reference := self.sql_config_map_ref:
            return (
                f"{reference.key} of the config map {reference.name} (spec.refresh.sqlConfigMapRef)"
            )
        return "spec.refresh.sql"

    def with_sql(self, text: str) -> RefreshSpec:
        """The block with what the config map holds. Raises ``BadScript`` for a text that ``sql`` would not take."""
        read_script(text)
        changed: dict[str, Any] = {"sql": text}
        return self.model_copy(update=changed)
