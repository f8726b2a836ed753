"""Turns pydantic's JSON schema into the structural schema that Kubernetes demands.

Kubernetes takes no ``$ref`` and no ``anyOf`` of types: every type is written out where it is used. For
readers of the CRD, titles and defaults that say nothing (null, empty) are left out as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

JSONSchema = dict[str, Any]

_KEPT = (
    "description",
    "type",
    "nullable",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""The words of a structural schema that are kept, in the order in which they are written."""


def structural(model: type) -> JSONSchema:
    """A pydantic model, or a dataclass, as one structural schema."""
    schema = TypeAdapter(model).json_schema(by_alias=True, mode="validation")
    return _plain(schema, schema.get("$defs", {}))


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> JSONSchema:
    flat = _resolved(schema, definitions)
    if "const" in flat:
        flat["enum"] = [flat["const"]]
    if flat.get("x-kubernetes-preserve-unknown-fields"):
        flat.pop("additionalProperties", None)
    if isinstance(flat.get("additionalProperties"), Mapping):
        flat["additionalProperties"] = _plain(flat["additionalProperties"], definitions)
    else:
        flat.pop("additionalProperties", None)
    if "properties" in flat:
        flat["properties"] = {
            name: _plain(inner, definitions) for name, inner in flat["properties"].items()
        }
    if "items" in flat:
        flat["items"] = _plain(flat["items"], definitions)
        flat.setdefault("x-kubernetes-list-type", "atomic")
    if flat.get("type") == "integer":
        flat["format"] = "int64"
    if "description" in flat:
        flat["description"] = " ".join(flat["description"].split())
    _settle_default(flat)
    return {word: flat[word] for word in _KEPT if word in flat}


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> JSONSchema:
    """The schema with what it refers to (or its one type besides null) merged in; its own words win."""
    own = dict(schema)
    inherited: Mapping[str, Any] = {}
    if reference := own.pop("$ref", None):
        inherited = definitions[reference.rsplit("/", 1)[-1]]
    elif "anyOf" in own:
        (inherited,) = [one for one in own.pop("anyOf") if one != {"type": "null"}]
    return {**_resolved(inherited, definitions), **own} if inherited else own


def _settle_default(schema: JSONSchema) -> None:
    """Write the default of a block as ``{}``, since its fields have their own; drop empty defaults."""
    if "default" not in schema:
        return
    if schema["default"] is None or schema["default"] == []:
        del schema["default"]
    elif "properties" in schema:
        schema["default"] = {}
    elif schema["default"] == {}:
        del schema["default"]
