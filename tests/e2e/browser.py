"""A real browser without a window: Debian's Chromium, spoken to by its own DevTools protocol.

Each page is opened as a reader's device would: a size, a colour scheme, JavaScript or none. What the browser
complains of (its console, a Content-Security-Policy that was violated, a request that failed) is kept.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiohttp
from tests.cluster.processes import wait_until

T = TypeVar("T")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_PATIENCE_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a page is read on."""

    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    scripts: bool = True
    phone: bool = False


@dataclass(slots=True)
class Page:
    """A page that has been loaded."""

    ask: Callable[..., Any]
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def value(self, expression: str) -> Any:
        """What the expression comes to in the page, as JSON. The page's policy does not bind the browser's owner."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """The whole page, as far as one would scroll, as a PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(shot["data"]))


class Browser:
    """The browser, until the block of ``browser`` ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._session = self._do(self._begin())

    async def _begin(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def close(self) -> None:
        """Hang up."""
        self._do(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_PATIENCE_S)

    @contextmanager
    def open(self, address: str, device: Device) -> Iterator[Page]:
        """The address in a tab of its own, once it is loaded."""
        tab = self._do(self._tab())
        line = self._do(_Line.connect(self._session, tab["webSocketDebuggerUrl"]))
        try:
            page = Page(ask=lambda method, **given: self._do(line.ask(method, **given)))
            line.tell = lambda event: _note(page, event)
            for method, given in _settings(device):
                page.ask(method, **given)
            page.ask("Page.navigate", url=address)
            self._do(line.loaded.wait())
            yield page
        finally:
            self._do(line.close())
            self._do(self._close_tab(tab["id"]))

    async def _tab(self) -> Any:
        async with self._session.put(f"http://127.0.0.1:{self._port}/json/new") as answer:
            return await answer.json()

    async def _close_tab(self, id_: str) -> None:
        async with self._session.get(f"http://127.0.0.1:{self._port}/json/close/{id_}"):
            pass


def _settings(device: Device) -> Iterator[tuple[str, dict[str, Any]]]:
    for domain in ("Page", "Runtime", "Log", "Network"):
        yield f"{domain}.enable", {}
    size = {"width": device.width, "height": device.height, "deviceScaleFactor": 1}
    yield "Emulation.setDeviceMetricsOverride", {**size, "mobile": device.phone}
    scheme = {"name": "prefers-color-scheme", "value": device.scheme}
    yield "Emulation.setEmulatedMedia", {"features": [scheme]}
    yield "Emulation.setScriptExecutionDisabled", {"value": not device.scripts}


def _note(page: Page, event: dict[str, Any]) -> None:
    told = event["params"]
    match event["method"]:
        case "Log.entryAdded":
            page.complaints.append(f"{told['entry']['level']}: {told['entry']['text']}")
        case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
            page.complaints.append(json.dumps(told))
        case "Network.requestWillBeSent":
            page.requests.append(told["request"]["url"])


class _Line:
    """One tab's connection: questions with their answers, and events."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self.tell: Callable[[dict[str, Any]], None] = lambda _: None
        self.loaded = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def connect(cls, session: aiohttp.ClientSession, address: str) -> _Line:
        """A line to the tab."""
        return cls(await session.ws_connect(address, max_msg_size=0))

    async def ask(self, method: str, **given: Any) -> Any:
        """The answer to a question."""
        number = next(self._numbers)
        answered = self._open[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": given})
        answer = await answered
        assert "error" not in answer, f"{method}: {answer}"
        return answer["result"]

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._open.pop(told["id"]).set_result(told)
            elif told["method"] == "Page.loadEventFired":
                self.loaded.set()
            else:
                self.tell(told)

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()
        await self._reading


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which goes with it."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: run tests/e2e/prepare.sh"
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "TMPDIR": profile},  # it leaves a folder there
        )
        try:
            said = Path(profile) / "DevToolsActivePort"
            wait_until(
                lambda: said.exists() and said.read_text().count("\n"),
                timeout_s=_PATIENCE_S,
                what="the browser",
            )
            opened = Browser(int(said.read_text().split()[0]))
            try:
                yield opened
            finally:
                opened.close()
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_S)
