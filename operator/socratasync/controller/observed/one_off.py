"""A one-off run as somebody asked for it by annotation: what it is limited to, or why that cannot be told. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from socratasync.api.one_off import limited, mode_of
from socratasync.api.selection import EVERYTHING, Selection, read_request
from socratasync.api.spec import SyncSpec
from socratasync.errors import InvalidRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOff:
    """``token``: the annotation's value, as far as a status echoes it. ``problem``: why it is not understood."""

    token: str
    selection: Selection = EVERYTHING
    problem: str = ""

    def refusal(self, spec: SyncSpec) -> str:
        """Why no run of the spec can do it; empty if one can."""
        if self.problem:
            return self.problem
        try:
            limited(spec, self.selection, mode_of(self.selection, "full"))
        except InvalidRequest as exc:
            return exc.message
        return ""


def read_one_off(value: str, token: str) -> OneOff | None:
    """None for a value that asks for everything. Never raises."""
    try:
        selection = read_request(value)
    except InvalidRequest as exc:
        return OneOff(token=token, problem=exc.message)
    return None if selection == EVERYTHING else OneOff(token=token, selection=selection)
