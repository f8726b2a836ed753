"""``python -m socrata_simulator``: the simulated portal as a process of its own.

When it is ready it prints one line of JSON: domain, port, ca_file, datasets and more. It serves until
SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from socrata_simulator.http.administration import switch_interfaces
from socrata_simulator.http.certificates import Tls, issue
from socrata_simulator.http.server import serve
from socrata_simulator.portal.interfaces import POLICIES, SODA2, SODA3
from socrata_simulator.portal.portal import Portal

DATASET_FORMS = (
    "ID=synthetic:ROWS[:SEED], ID=export:ROWS_CSV, ID=recorded:VIEW_JSON:CSV or ID=oddities"
)


def add_dataset(portal: Portal, text: str) -> None:
    """Add the dataset that the text of a ``--dataset`` describes. Raises ``ValueError``, ``OSError``."""
    dataset, _, source = text.partition("=")
    match dataset and source.split(":"):
        case ["synthetic", rows]:
            portal.add_synthetic(dataset, int(rows))
        case ["synthetic", rows, seed]:
            portal.add_synthetic(dataset, int(rows), int(seed))
        case ["export", path]:
            portal.add_export(dataset, Path(path))
        case ["recorded", description, path]:
            portal.add_recorded(dataset, Path(description), Path(path))
        case ["oddities"]:
            portal.add_oddities(dataset)
        case _:
            raise ValueError(f"{text!r} is not {DATASET_FORMS}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    accounts = dict(account.partition(":")[::2] for account in options.account)
    portal = Portal(app_tokens=options.app_token, accounts=accounts)
    gone = {"status": options.soda2_gone} if options.soda2_gone else None
    switch_interfaces(portal, soda2=gone, soda3=options.soda3)
    try:
        for text in options.dataset:
            add_dataset(portal, text)
        tls = _tls(options)
    except (ValueError, OSError) as exc:
        parser.error(str(exc))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with ExitStack() as stack:
        server = stack.enter_context(
            serve(
                portal,
                options.host,
                options.port,
                tls=tls,
                names=options.name,
                admin=options.admin,
                gzip_level=options.gzip_level,
            )
        )
        for dataset in portal.datasets if options.warm else ():
            for interface in options.warm_for or [SODA2]:
                server.warm(dataset, page_size=options.warm, interface=interface)
        ready = {"domain": server.domain, "port": server.port, "ca_file": server.ca_file}
        sys.stdout.write(json.dumps({**ready, **portal.describe()}) + "\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


def _tls(options: argparse.Namespace) -> Tls | None:
    given = [options.cert, options.key, options.ca]
    if any(given):
        if not all(given):
            raise ValueError("--cert, --key and --ca go together")
        return Tls(cert_file=options.cert, key_file=options.key, ca_file=options.ca)
    return issue(options.tls_folder, options.name) if options.tls_folder else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m socrata_simulator",
        description="Serves a simulated Socrata portal over HTTPS until SIGTERM or SIGINT. Once it is "
        "ready it prints one line of JSON with its domain, its CA file and its datasets.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on, 0.0.0.0 for all (127.0.0.1)")
    add("--port", type=int, default=0, help="port to listen on (a free one)")
    add("--dataset", action="append", default=[], metavar="ID=SOURCE", help=DATASET_FORMS)
    add("--app-token", action="append", default=[], metavar="TOKEN", help="an app token to accept")
    add("--account", action="append", default=[], metavar="USER:PASSWORD", help="an account")
    add("--name", action="append", default=[], help="host or address to add to the certificate")
    add("--tls-folder", type=Path, metavar="FOLDER", help="where to write the new certificates")
    add("--cert", type=Path, metavar="FILE", help="a certificate to serve with, not a new one")
    add("--key", type=Path, metavar="FILE", help="the key of --cert")
    add("--ca", type=Path, metavar="FILE", help="the authority that signed --cert")
    add("--gzip-level", type=int, default=1, choices=range(1, 10), help="1 is fast, 6 usual (1)")
    add("--warm", type=int, default=0, metavar="ROWS", help="first prepare all pages of ROWS rows")
    add("--warm-for", action="append", choices=(SODA2, SODA3), help="whose pages (SODA2's)")
    add("--soda2-gone", type=int, nargs="?", const=410, metavar="STATUS",
        help="refuse /resource with this status (410)")  # fmt: skip
    add("--soda3", default="Open", choices=(*POLICIES, "Absent"), help="whom SODA3 serves (Open)")
    add("--admin", action="store_true", help="let clients change data and faults at /_simulator/")
    return parser


if __name__ == "__main__":
    sys.exit(main())
