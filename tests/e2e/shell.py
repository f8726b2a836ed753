"""A shell that a page's commands are typed into, one after the other: folder and variables stay from one to the next."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

_TYPED = """\
set -a -o pipefail
[ ! -e "$STATE" ] || . "$STATE"
cd "$(cat "$STATE.folder" 2>/dev/null || pwd)"
trap 'declare -px > "$STATE"; pwd > "$STATE.folder"' EXIT
{command}
"""


class WentWrong(AssertionError):
    """A command did not do what a page says; the message has what it printed."""


class Shell:
    """Bash, in ``folder`` at first. ``state`` is a file of its own, outside of what people see."""

    def __init__(self, folder: Path, state: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment, "STATE": str(state)}

    def run(self, command: str, *, timeout_s: float = 120) -> str:
        """What the command printed. Raises ``WentWrong`` unless it ends well."""
        process = self._started(command)
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            said = self._ended(process)
            raise WentWrong(f"{command}\nhas not ended after {timeout_s} s:\n{said}") from None
        if process.returncode:
            raise WentWrong(f"{command}\nended with {process.returncode}:\n{said}")
        return said

    def watch(self, command: str, *, until: str, timeout_s: float = 120) -> str:
        """What a command that never ends printed until a line of it matched; then it is interrupted, as by Ctrl-C."""
        process = self._started(command)
        said = self._read(process, until, timeout_s)
        rest = self._ended(process)
        if not re.search(until, said + rest):
            raise WentWrong(f"{command}\nprinted nothing like {until!r}:\n{said}{rest}")
        return said + rest

    def _started(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", _TYPED.replace("{command}", command)],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    @staticmethod
    def _read(process: subprocess.Popen[str], until: str, timeout_s: float) -> str:
        assert process.stdout is not None
        end = time.monotonic() + timeout_s
        said = b""
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0 and not re.search(
                until, said.decode(errors="replace")
            ):
                if ready.select(left):
                    more = os.read(process.stdout.fileno(), 65536)
                    if not more:
                        break
                    said += more
        return said.decode(errors="replace")

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> str:
        """Interrupts all that the command started, and waits; what was printed meanwhile."""
        for sign in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
                return process.communicate(timeout=10)[0]
            except ProcessLookupError:
                return process.communicate()[0]
            except subprocess.TimeoutExpired:
                continue
        raise WentWrong(f"process {process.pid} does not end")
