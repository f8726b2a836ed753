"""Turns pydantic's errors into lines for people: the path of a field, and what to write there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SHOWN = 60
_PASSWORD = re.compile(r"[^/@\s\"]+:[^/@\s]+@")
_KEY = "[key]"  # by this pydantic says that a mapping's key is wrong, not its value

_SENTENCES: Mapping[str, Callable[[Mapping[str, Any], Any], str]] = {
    "missing": lambda ctx, given: "is missing; write it",
    "string_type": lambda ctx, given: f"must be text, not {shown(given)}{_quote(given)}",
    "int_type": lambda ctx, given: f"must be a whole number, not {shown(given)}{_unquote(given)}",
    "bool_type": lambda ctx, given: f"must be true or false, not {shown(given)}{_unquote(given)}",
    "tuple_type": lambda ctx, given: f"must be a list, not {shown(given)}{_as_list(given)}",
    "dict_type": lambda ctx, given: f"must be a mapping (name: value), not {shown(given)}",
    "model_type": lambda ctx, given: f"must be a mapping (name: value), not {shown(given)}",
    "model_attributes_type": lambda ctx, given: f"must be a mapping, not {shown(given)}",
    "literal_error": lambda ctx, given: (
        f"must be {_choices(ctx)}, not {shown(given)}{_quoted(ctx, given)}"
    ),
    "greater_than_equal": lambda ctx, given: f"must be at least {ctx['ge']:,}, not {shown(given)}",
    "less_than_equal": lambda ctx, given: f"must be at most {ctx['le']:,}, not {shown(given)}",
    "string_too_short": lambda ctx, given: "must not be empty",
    "string_too_long": lambda ctx, given: (
        f"must be at most {ctx['max_length']:,} characters, not {len(given):,}"
    ),
    "too_short": lambda ctx, given: "must not be empty; name at least one",
    "too_long": lambda ctx, given: f"must have at most {ctx['max_length']:,} entries",
    "int_or_string": lambda ctx, given: f"must be a whole number or text, not {shown(given)}",
    "script": lambda ctx, given: str(ctx["sentence"]),
    "rule": lambda ctx, given: f"{ctx['sentence']}{_instead_of(given)}",
}


def problems(model: type[BaseModel], error: ValidationError, root: str = "spec") -> list[str]:
    """One line per problem, in the manifest's order: ``spec.datasets[0].id: must be …``."""
    errors = error.errors(include_url=False)
    return [
        line
        for found in errors
        if not (found["type"] == "too_short" and _within(errors, found["loc"]))
        for line in _lines(model, found, root)
    ]


def _within(errors: Sequence[Mapping[str, Any]], location: tuple[str | int, ...]) -> bool:
    """Whether an entry below is wrong, too. A list of wrong entries need not be called empty as well."""
    depth = len(location)
    return any(len(e["loc"]) > depth and e["loc"][:depth] == location for e in errors)


def _lines(model: type[BaseModel], found: Mapping[str, Any], root: str) -> Iterator[str]:
    location = tuple(part for part in found["loc"] if part != _KEY)
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        yield f"{path(model, location, root)}: {_unknown(model, location, root)}"
    elif kind == "rules":
        for field, sentence in context["broken"]:
            at = (*location, field) if field else location
            yield f"{path(model, at, root)}: {sentence}"
    elif sentence := _SENTENCES.get(kind):
        yield f"{path(model, location, root)}: {sentence(context, found['input'])}"
    else:
        yield f"{path(model, location, root)}: {found['msg']}"


def path(model: type[BaseModel], location: Sequence[str | int], root: str) -> str:
    """A field's path, as Kubernetes writes it: ``spec.datasets[0].id``, ``spec.target.fields[status]``."""
    text = root
    place: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and place is not None:
            text += f".{part}"
            place = dict(_children(place)).get(part)
        else:
            text += f"[{part}]"
    return text


def without_nulls(value: Any) -> Any:
    """The value without its nulls. For Kubernetes, too, a field that is null was not given, but for the one that
    has the choice Null."""
    if isinstance(value, Mapping):
        return {k: without_nulls(v) for k, v in value.items() if v is not None or k == "onBadValue"}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant; None if none is close."""
    lower = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.7)
    return lower[close[0]] if close else None


def shown(given: Any) -> str:
    """What was written, cut to a length that a sentence can hold, with passwords in addresses masked."""
    if isinstance(given, BaseModel):
        given = given.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = _PASSWORD.sub("***@", json.dumps(given, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _instead_of(given: Any) -> str:
    return f" (it is {shown(given)})" if isinstance(given, str | int | float) else ""


def _choices(context: Mapping[str, Any]) -> str:
    return str(context["expected"]).replace("'", "")


def _quoted(context: Mapping[str, Any], given: Any) -> str:
    """Advice for Off without quotes, which YAML 1.1 reads as false, and for Null, which it reads as null."""
    meant = {False: "Off", None: "Null"}.get(given) if given in (False, None) else None
    return f'; put it in quotes: "{meant}"' if meant and f"'{meant}'" in context["expected"] else ""


def _quote(given: Any) -> str:
    return "; put it in quotes" if isinstance(given, bool | int | float) else ""


def _unquote(given: Any) -> str:
    return "; write it without quotes" if isinstance(given, str) and given.strip() else ""


def _as_list(given: Any) -> str:
    if isinstance(given, Mapping):
        return "; write its entries with - in front"
    return f"; write [{given}]" if isinstance(given, str | int) else ""


def _unknown(model: type[BaseModel], location: tuple[str | int, ...], root: str) -> str:
    """The sentence about a field that does not exist."""
    name = str(location[-1])
    fields = dict(_fields(model, root))
    siblings = dict(_children(_model_at(model, location[:-1])))
    if close := nearest(name, list(siblings)):
        return f"is not a field; did you mean {close}?"
    for elsewhere, alias in sorted(fields.items(), key=lambda item: item[0].count(".")):
        if alias.lower() == name.lower():
            return f"is not a field here; did you mean {elsewhere}?"
    return f"is not a field; there are {', '.join(siblings)}"


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, str):
            model = dict(_children(model))[part] or model
    return model


def _children(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel] | None]]:
    """The manifest's name of each field, and the model within it, if there is one."""
    for name, field in model.model_fields.items():
        yield field.alias or name, _model_in(field.annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


def _fields(model: type[BaseModel], root: str) -> Iterator[tuple[str, str]]:
    for alias, inner in _children(model):
        yield f"{root}.{alias}", alias
        if inner:
            yield from _fields(inner, f"{root}.{alias}")
