"""A rule of the manifest: a CEL expression for the API server, a predicate for Python, one sentence.

A ``Rule`` stands in a type's annotation or in ``Block.rules``. Pydantic checks the predicate, the CRD
has the expression, and both refuse with the same sentence. A rule without an expression is one that
the API server cannot check: it is checked when the manifest is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold. ``message`` continues the field's path: ``spec.domain: must be …``.

    ``field`` is the manifest's name of the field to blame, for rules about a whole block.
    """

    message: str
    holds: Callable[[Any], bool]
    cel: str | None = None
    field: str | None = None

    def check(self, value: Any) -> Any:
        """Returns the value. Raises a validation error with the sentence if the rule does not hold."""
        if not self.holds(value):
            raise PydanticCustomError("rule", "{sentence}", {"sentence": self.message})
        return value

    def as_validation(self) -> list[dict[str, str]]:
        """The rule as an entry of ``x-kubernetes-validations``; no entry if it has no expression."""
        if self.cel is None:
            return []
        where = {"fieldPath": f".{self.field}"} if self.field else {}
        return [{"rule": self.cel, "message": self.message, **where}]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return with_validations(handler(schema), self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value that a manifest writes as text: how to read it, how to write it, and its rules."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    kind: type
    rules: tuple[Rule, ...]
    max_length: int

    def _convert(self, value: Any) -> Any:
        if isinstance(value, self.kind):
            return value
        for rule in self.rules:
            rule.check(value)
        return self.read(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._convert,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text: dict[str, Any] = {"type": "string", "maxLength": self.max_length}
        return with_validations(text, *self.rules)


@dataclass(frozen=True, slots=True)
class IntOrString:
    """Kubernetes' type that is either a whole number or text. The value stays as it was written."""

    max_length: int = 20

    def _convert(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise PydanticCustomError("int_or_string", "must be a whole number or text")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._convert)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"x-kubernetes-int-or-string": True, "maxLength": self.max_length}


def with_validations(schema: dict[str, Any], *rules: Rule) -> dict[str, Any]:
    """The schema with the rules that have an expression added."""
    added = [entry for rule in rules for entry in rule.as_validation()]
    if not added:
        return schema
    return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), *added]}


class Block(BaseModel):
    """A part of a manifest. Fields are camelCase there and snake_case here; unknown ones are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        broken = [rule for rule in self.rules if not rule.holds(self)]
        if broken:
            raise PydanticCustomError(
                "rules",
                "{sentences}",
                {
                    "sentences": " ".join(rule.message for rule in broken),
                    "broken": [(rule.field, rule.message) for rule in broken],
                },
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        schema.update(with_validations({}, *cls.rules))
        return schema

    def as_manifest(self) -> Mapping[str, Any]:
        """The block as a manifest writes it: camelCase, with defaults, without what is None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
