"""By which of Socrata's two interfaces a test is run: what must hold of one must hold of the other.

Every test that uses the fixture ``socrata_interface`` is there once for each. ``--interface=both`` runs both, ``SODA2`` and
``SODA3`` one of them. By default (``spread``) each test is run by one, the same one each time, about half of them by
each: the whole suite by both takes twice as long. A test that is named by its whole id is run as it is named.

What is marked ``long`` is run by ``both`` alone, which ``make chaos`` asks for.

``@pytest.mark.interface("SODA2")`` is for a test that is about one of them, ``("Auto")`` for one that is about the choice
between them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, cast

import pytest

Interface = Literal["Auto", "SODA2", "SODA3"]
"""What ``spec.source.api`` may be."""

INTERFACES: tuple[Interface, ...] = ("SODA2", "SODA3")
CHOICES = ("spread", "both", "SODA2", "SODA3")
OPTION = "--interface"
FIXTURE = "socrata_interface"


def add_option(parser: pytest.Parser) -> None:
    """``--interface``."""
    parser.addoption(OPTION, choices=CHOICES, default="spread", help="Socrata's interface")


class Interfaces:
    """The plugin that makes the tests, and drops those that are not to be run."""

    def pytest_report_header(self, config: pytest.Config) -> str:
        """Which are run."""
        return f"interfaces of Socrata: {config.getoption(OPTION)}"

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Last, so that the interface ends the test's id."""
        if FIXTURE in metafunc.fixturenames:
            mark = metafunc.definition.get_closest_marker("interface")
            metafunc.parametrize(FIXTURE, mark.args if mark else INTERFACES, indirect=True)

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Without a word of what is dropped: it is no test that was left out."""
        if not any(argument.endswith("]") for argument in config.args):
            choice = config.getoption(OPTION)
            items[:] = [item for item in items if _is_run(item, choice)]


def _is_run(item: pytest.Item, choice: str) -> bool:
    if item.get_closest_marker("long"):
        return choice == "both"
    call = getattr(item, "callspec", None)
    if call is None or FIXTURE not in call.params or item.get_closest_marker("interface"):
        return True
    interface = cast(Interface, call.params[FIXTURE])
    by = chosen(item.nodeid.rpartition(interface)[0]) if choice == "spread" else choice
    return by in ("both", interface)


def chosen(test: str) -> Interface:
    """The one by which ``spread`` runs the test of that id, which says no interface."""
    return INTERFACES[hashlib.sha256(test.encode()).digest()[0] % len(INTERFACES)]


def with_api(source: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    """``spec.source`` by that interface, unless it says itself by which."""
    return {"api": interface, **source}
