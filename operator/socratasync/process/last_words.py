"""What Kubernetes keeps of a container when its pod is gone: the file that its last words go to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TERMINATION_LOG: Final = "/dev/termination-log"

log = logging.getLogger(__name__)


def termination_log(environ: Mapping[str, str]) -> Path:
    """The file whose content Kubernetes keeps as the container's last words."""
    return Path(environ.get("SOCRATASYNC_TERMINATION_LOG") or TERMINATION_LOG)


def leave_word(environ: Mapping[str, str], text: str) -> None:
    """Write it there. Where that cannot be done, the log says so."""
    file = termination_log(environ)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        log.warning("the termination log %s cannot be written: %s", file, exc.strerror)
