"""`/metrics` over HTTP, in a thread of its own: a scrape of thousands of series holds up no run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from socratasync.controller.metrics.text import CONTENT_TYPE

Scrape = Callable[[], Iterator[bytes]]


@contextmanager
def serve_metrics(scrape: Scrape, port: int) -> Iterator[int]:
    """Answer on all addresses until the block ends; gives the port. Raises ``OSError`` if it is taken."""

    class Handler(BaseHTTPRequestHandler):
        """One scrape, sent while it is written."""

        def do_GET(self) -> None:
            """``/metrics``, and nothing else."""
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404, "only /metrics is here")
                return
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.end_headers()
            for chunk in scrape():
                self.wfile.write(chunk)

        def log_message(self, format: str, *args: object) -> None:
            """A scrape every few seconds is no news."""

    server = _Server(("", port), Handler)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that hangs up in the middle is its own business."""
