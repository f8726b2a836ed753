"""Writes docs/reference.md, every field of spec and status, from the resource definition.

    python docs/reference.py            # after crds/socratasyncs.yaml changed
    python docs/reference.py --check    # exit 1 if that was forgotten

One table per object, in the definition's order; an object within an object gets a table of its own
under its path. What the API server refuses, and with which sentence, is part of the field.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
DEFINITION = HERE.parent / "crds" / "socratasyncs.yaml"
PAGE = HERE / "reference.md"

Schema = Mapping[str, Any]

HEAD = """# Every field of a SocrataSync

<!-- Made by docs/reference.py from crds/socratasyncs.yaml; change the models, not this page. -->

`kubectl explain socratasync.spec --recursive` tells the same from the cluster. **bold** fields are required.
A manifest that breaks a rule is refused by `kubectl apply` with the sentence given here.
What conditions and reasons mean is in [conditions](conditions.md).

{columns}
"""


def page(definition: Schema) -> str:
    """The whole page."""
    version = definition["spec"]["versions"][0]
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    tables = [table for part in ("spec", "status") for table in _tables(part, fields[part])]
    head = HEAD.format(columns=_columns(version["additionalPrinterColumns"]))
    return head + "\n" + "\n".join(tables).rstrip("\n") + "\n"


def _columns(columns: list[Schema]) -> str:
    shown = [c["name"] for c in columns if not c.get("priority")]
    wide = [c["name"] for c in columns if c.get("priority")]
    return (
        f"`kubectl get socratasyncs` (short: `ssync`) prints {', '.join(shown)}; "
        f"`-o wide` adds {', '.join(wide)}."
    )


def _tables(path: str, schema: Schema) -> Iterator[str]:
    """The table of one object, then those of the objects within it."""
    yield _table(path, schema)
    for name, field in schema["properties"].items():
        below = field.get("items", field)
        if "properties" in below:
            yield from _tables(f"{path}.{name}{'[]' if 'items' in field else ''}", below)


def _table(path: str, schema: Schema) -> str:
    level = "##" if "." not in path else "###"
    required = schema.get("required", ())
    rows = [_row(path, n, f, required=n in required) for n, f in schema["properties"].items()]
    lines = [f"{level} {path}", "", *_about(schema)]
    lines += ["| field | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _about(schema: Schema) -> list[str]:
    """What the object is, and the rules that bind several of its fields together."""
    lines = [schema["description"], ""] if "description" in schema else []
    rules = [
        f"- `{rule['fieldPath']}` {rule['message']}"
        for rule in _rules(schema)
        if "fieldPath" in rule
    ]
    return lines + (["Rules:", "", *rules, ""] if rules else [])


def _row(path: str, name: str, field: Schema, *, required: bool) -> str:
    shown = f"**`{name}`**" if required else f"`{name}`"
    if "properties" in field.get("items", field):
        anchor = f"{path}.{name}".lower().translate(str.maketrans("", "", ".[]"))
        shown = f"[{shown}](#{anchor})"
    default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
    return f"| {shown} | {_type(field)} | {default} | {_cell(_meaning(field))} |"


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if isinstance(values := field.get("additionalProperties"), Mapping):
        return f"map to {_type(values)}"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("format") == "date-time":
        return "time"
    return str(field.get("type", "anything"))


def _meaning(field: Schema) -> str:
    """Description, limits and the sentences with which values are refused."""
    inner = field.get("items", field.get("additionalProperties", {}))
    rules = [rule["message"] for rule in _rules(field) if "fieldPath" not in rule]
    if isinstance(inner, Mapping) and "properties" not in inner:
        rules += [rule["message"] for rule in _rules(inner)]
    said = [field.get("description", ""), _limits(field), *(_sentence(r) for r in rules)]
    return " ".join(sentence for sentence in said if sentence)


def _sentence(rule: str) -> str:
    return f"It {rule}" + ("" if rule.endswith(".") else ".")


def _limits(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"From {low} to {high}."
    if field.get("maxItems"):
        return f"At most {field['maxItems']}."
    return ""


def _rules(schema: Schema) -> list[Schema]:
    rules: list[Schema] = schema.get("x-kubernetes-validations", [])
    return rules


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    wanted = page(yaml.safe_load(DEFINITION.read_text()))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(wanted)
        return 0
    if PAGE.exists() and PAGE.read_text() == wanted:
        return 0
    sys.stderr.write(f"{PAGE} is not what {DEFINITION} says: run python {__file__}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
