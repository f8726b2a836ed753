"""What tests of the simulator share: a way to ask it, and the recorded answers of a real portal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import settings

from socratasync.simulator import Server

settings.register_profile("no deadline", deadline=None)  # machines here are busy
settings.load_profile("no deadline")

Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(socrata: Server) -> Iterator[Ask]:
    """``ask(path, {parameter: value}, headers=…)``: one GET, over one connection that stays open."""
    with requests.Session() as session:

        def get(
            path: str, params: dict[str, str] | None = None, **more: object
        ) -> requests.Response:
            more.setdefault("allow_redirects", False)
            return session.get(f"https://{socrata.domain}{path}", params=params, timeout=20, **more)

        yield get


@pytest.fixture
def real() -> Path:
    """The folder with real portals' files; tests that compare with them need it."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("SOCRATASYNC_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data files here (SOCRATASYNC_REAL_DATA)")
    return folder
