"""Copies the resource definition into the chart, where it must stay when the chart goes.

    python helm/copy_crd.py            # after `crds/socratasyncs.yaml` changed
    python helm/copy_crd.py --check    # exit 1 if that was forgotten

A chart may only hold files of its own folder, and Helm deletes what it installed unless an annotation
says ``keep``. The text is edited, not parsed and written anew: the definition reads the same in both.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parent / "crds" / "socratasyncs.yaml"
COPY = HERE / "socrata-sync" / "files" / "socratasyncs.yaml"
KEEP = "    helm.sh/resource-policy: keep\n"


def kept(text: str) -> str:
    """The definition with the annotation that makes Helm leave it. Raises ``ValueError`` if the text
    has no place for it."""
    head, found, rest = text.partition("\nmetadata:\n")
    if not found:
        raise ValueError(f"{SOURCE} has no line `metadata:`")
    metadata = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if "  annotations:\n" in metadata:
        rest = rest.replace("  annotations:\n", f"  annotations:\n{KEEP}", 1)
    else:
        rest = f"  annotations:\n{KEEP}{rest}"
    return f"{head}{found}{rest}"


def main() -> int:
    """Write the copy, or with ``--check`` say whether it is up to date."""
    wanted = kept(SOURCE.read_text())
    if "--check" not in sys.argv[1:]:
        COPY.write_text(wanted)
        return 0
    if COPY.read_text() == wanted:
        return 0
    sys.stderr.write(f"{COPY} is not {SOURCE}: run python {__file__}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
