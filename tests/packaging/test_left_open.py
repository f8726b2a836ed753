"""What a test leaves open fails that test, and no later one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.left_open import LeftOpen

def pytest_configure(config):
    config.pluginmanager.register(LeftOpen())
"""
LOSE = """
import asyncio
import socket
import pytest

class Holder:
    pass

def lose():
    "A socket that only the garbage collection finds."
    holder = Holder()
    holder.itself, holder.socket = holder, socket.socket()

def lose_a_connection():
    "A connection of a loop that is closed before it."
    near, far = socket.socketpair()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=near))
    loop.close()
    far.close()

@pytest.fixture(scope="module")
def careless():
    with socket.socket(), socket.socket():
        yield
    lose()

@pytest.fixture(scope="module")
def kept():
    with socket.socket():
        yield
"""


@pytest.mark.parametrize(
    ("tests", "blamed"),
    [
        pytest.param("def test_1(): lose()\ndef test_2(): pass", "test_1", id="a socket"),
        pytest.param(
            "def test_1(): pass\ndef test_2(): lose_a_connection()\ndef test_3(): pass",
            "test_2",
            id="a connection of a loop",
        ),
        pytest.param(
            "def test_1(careless): pass\ndef test_2(careless): pass",
            "test_2",
            id="what a file's fixture leaves is found at the file's end",
        ),
        pytest.param(
            "def test_1(kept): pass\ndef test_2(kept): socket.socket().close()",
            None,
            id="what is closed in the end is nothing to tell of",
        ),
    ],
)
def test_the_test_that_leaves_something_open_fails(
    tmp_path: Path, tests: str, blamed: str | None
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(f"{LOSE}\n{tests}\n")
    (tmp_path / "test_later.py").write_text("def test_innocent(): pass\n")

    command = [sys.executable, "-m", "pytest", "-q", "-rE", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    told = [line for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert [line.split()[1] for line in told] == ([f"test_it.py::{blamed}"] if blamed else [])
    assert all("left open: unclosed" in line for line in told), done.stdout
