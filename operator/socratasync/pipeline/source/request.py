"""One HTTP request to a portal, before it is sent: a question by its address, or by a body. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["csv", "json"]
CONTENT = {"csv": "text/csv", "json": "application/json"}
"""What an answer of each form says that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path``: on the portal's host, beginning with ``/``. ``parameters`` go into the address. With ``body``,
    an object, it is a POST. ``form``: of the answer that is wanted. ``about``: the dataset."""

    path: str
    form: Form = "json"
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    about: str | None = None

    @property
    def method(self) -> str:
        """GET, or POST where there is a body."""
        return "GET" if self.body is None else "POST"

    @property
    def headers(self) -> dict[str, str]:
        """What is said of the body, and of the answer that is wanted."""
        said = {"Accept": CONTENT[self.form]}
        return said if self.body is None else {**said, "Content-Type": "application/json"}

    @property
    def data(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else json.dumps(self.body).encode()
