"""Reads a manifest file: YAML (or JSON) → name, namespace and spec, or every problem at once."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from socratasync.api.problems import nearest, shown
from socratasync.api.spec import SyncSpec
from socratasync.errors import InvalidSpec

GROUP = "socratasync.dev"
VERSION = "v1alpha1"
KIND = "SocrataSync"
API_VERSION = f"{GROUP}/{VERSION}"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A SocrataSync, as a file declares it. ``namespace`` is ``default`` if the file names none."""

    name: str
    namespace: str
    spec: SyncSpec


def read_manifest(text: str) -> Manifest:
    """The one SocrataSync of a YAML text; other documents in it, such as secrets, are ignored.

    Raises ``InvalidSpec``: one line per problem, the field's path and a sentence.
    """
    document = _only_sync(_documents(text))
    metadata = document.get("metadata")
    found = [*_head_problems(document), *_metadata_problems(metadata)]
    spec = None
    try:
        spec = SyncSpec.from_json(_spec(document))
    except InvalidSpec as exc:
        found += exc.message.splitlines()
    if found or spec is None:
        raise InvalidSpec("\n".join(found))
    assert isinstance(metadata, Mapping)
    return Manifest(
        name=metadata["name"], namespace=metadata.get("namespace") or "default", spec=spec
    )


def read_mapping(text: str) -> Mapping[str, Any]:
    """The one mapping of a YAML text that is no SocrataSync; an empty one for a text that says nothing.

    Raises ``InvalidSpec`` for anything else.
    """
    documents = _documents(text)
    if not documents:
        return {}
    if len(documents) > 1 or not isinstance(documents[0], Mapping):
        raise InvalidSpec("must be one mapping (name: value)")
    return documents[0]


def _documents(text: str) -> list[Any]:
    try:
        return [d for d in yaml.load_all(text, Loader=_Loader) if d is not None]
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidSpec(f"{where}is not YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise InvalidSpec(f"the file is not YAML: {exc}") from exc


def _only_sync(documents: list[Any]) -> Mapping[str, Any]:
    """The document to read: the only one, or the only one that is a SocrataSync."""
    if not documents:
        raise InvalidSpec(f"the file is empty; write a {KIND} (apiVersion: {API_VERSION})")
    mappings = [d for d in documents if isinstance(d, dict)]
    syncs = [d for d in mappings if d.get("kind") == KIND]
    if len(syncs) > 1:
        names = ", ".join(str((d.get("metadata") or {}).get("name")) for d in syncs)
        raise InvalidSpec(f"the file holds {len(syncs)} {KIND}s ({names}); give one at a time")
    if syncs:
        return syncs[0]
    if len(documents) > 1:
        kinds = ", ".join(str(d.get("kind")) for d in mappings)
        raise InvalidSpec(f"the file holds no {KIND}, only: {kinds}")
    if not mappings:
        raise InvalidSpec(
            f"the file must be a mapping (apiVersion, kind, …), not {shown(documents[0])}"
        )
    return mappings[0]


def _head_problems(document: Mapping[str, Any]) -> list[str]:
    found = []
    if document.get("apiVersion") != API_VERSION:
        found.append(f"apiVersion: must be {API_VERSION}, not {shown(document.get('apiVersion'))}")
    if document.get("kind") != KIND:
        found.append(f"kind: must be {KIND}, not {shown(document.get('kind'))}")
    for name in document:
        if name not in _TOP:
            meant = nearest(str(name), [*_TOP])
            hint = f"did you mean {meant}?" if meant else "everything to say goes under spec"
            found.append(f"{name}: is not a field; {hint}")
    return found


def _metadata_problems(metadata: Any) -> list[str]:
    if not isinstance(metadata, Mapping):
        return ["metadata.name: is missing; write it"]
    found = []
    for field, required in (("name", True), ("namespace", False)):
        value = metadata.get(field)
        if value is None:
            found += [f"metadata.{field}: is missing; write it"] if required else []
        elif not (isinstance(value, str) and len(value) <= 253 and _NAME.fullmatch(value)):
            found.append(
                f"metadata.{field}: must be lower-case letters, digits and -, such as la-311, "
                f"not {shown(value)}"
            )
    return found


def _spec(document: Mapping[str, Any]) -> Any:
    spec = document.get("spec")
    if spec is None:
        raise InvalidSpec("spec: is missing; write domain, datasets and target under it")
    return spec


class _Loader(yaml.SafeLoader):
    """Reads YAML as kubectl does: times and names stay text. Refuses a name that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in mapping:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} stands twice in one mapping", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping

    def _key(self, node: yaml.Node) -> str:
        """A name as it is written: YAML would take ``on`` for true."""
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a name must be plain text", node.start_mark
            )
        return str(node.value)


# Dates and times reach the models as text, as they would through the API server.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
