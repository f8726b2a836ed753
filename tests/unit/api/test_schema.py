from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from socratasync.api.rules import Block, Rule
from socratasync.api.schema import structural


class Inner(Block):
    """What the inner block is."""

    size: Annotated[int, Field(ge=1)] = 3
    """How big it is."""


class Outer(Block):
    """What the outer block is."""

    rules = (Rule(message="must be right", holds=lambda outer: True, cel="true", field="name"),)

    name: Annotated[str, Field(max_length=9)]
    """What it
    is called."""
    colour: Literal["red", "blue"] = "red"
    """What it looks like."""
    inner: Inner = Inner()
    """What is in it."""
    maybe: Inner | None = None
    """What may be in it."""
    many: tuple[Inner, ...] = ()
    """What there is more of."""
    words: dict[str, str] = Field(default_factory=dict)
    """What is said."""


SCHEMA = structural(Outer)
INNER = {
    "type": "object",
    "properties": {
        "size": {
            "description": "How big it is.",
            "type": "integer",
            "format": "int64",
            "default": 3,
            "minimum": 1,
        }
    },
}


def test_a_block_becomes_an_object_that_says_what_it_requires() -> None:
    assert SCHEMA["type"] == "object"
    assert SCHEMA["required"] == ["name"]
    assert SCHEMA["description"] == "What the outer block is."


def test_a_description_is_one_line() -> None:
    assert SCHEMA["properties"]["name"] == {
        "description": "What it is called.",
        "type": "string",
        "maxLength": 9,
    }


def test_a_reference_is_written_out_under_the_words_of_its_place() -> None:
    assert SCHEMA["properties"]["inner"] == {
        "description": "What is in it.",
        **INNER,
        "default": {},
    }


def test_what_may_be_absent_is_typed_as_if_it_were_there_and_has_no_default() -> None:
    assert SCHEMA["properties"]["maybe"] == {"description": "What may be in it.", **INNER}


def test_a_list_is_atomic_and_has_no_empty_default() -> None:
    assert SCHEMA["properties"]["many"] == {
        "description": "What there is more of.",
        "type": "array",
        "items": {"description": "What the inner block is.", **INNER},
        "x-kubernetes-list-type": "atomic",
    }


def test_a_mapping_types_its_values() -> None:
    assert SCHEMA["properties"]["words"] == {
        "description": "What is said.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    }


def test_a_choice_becomes_an_enumeration_with_its_default() -> None:
    assert SCHEMA["properties"]["colour"] == {
        "description": "What it looks like.",
        "type": "string",
        "default": "red",
        "enum": ["red", "blue"],
    }


def test_a_rule_is_carried_with_the_field_to_blame() -> None:
    assert SCHEMA["x-kubernetes-validations"] == [
        {"rule": "true", "message": "must be right", "fieldPath": ".name"}
    ]
