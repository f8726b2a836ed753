"""``docker`` as the pages have people type it: Podman under that name, with this project's store of images.

What a person's Docker would have of its own is in its configuration, not on the command line: the network of the
machine (here the node's), and the authority of the simulated portal, which real portals' certificates do not need.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e import images
from tests.e2e.nodeconfig import CGROUP

BUILT = "docker.io/library/socratasync:dev"
"""The name in full of what `make image` builds."""

NOT_OUR_NODE = (
    "KUBECONFIG names a cluster; the pages' images are put into the node that these tests start"
)

AUTHORITY = "/portal-ca.crt"


def install(folder: Path, *, ca_file: Path) -> dict[str, str]:
    """Puts the program into ``folder``; the variables with which it works, ``PATH`` not among them."""
    root, run = images.store()
    program = folder / "docker"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    settings = {
        "CONTAINERS_CONF": _containers(ca_file),
        "CONTAINERS_STORAGE_CONF": _table("storage", driver="overlay", graphroot=root, runroot=run),
        "CONTAINERS_REGISTRIES_CONF": 'unqualified-search-registries = ["docker.io"]\n',
    }
    for variable, text in settings.items():
        (folder / variable).write_text(text)
    return {variable: str(folder / variable) for variable in settings}


_PROGRAM = f"""\
#!/bin/sh
[ "$1" != run ] || {{ shift; set -- run --cgroup-parent=/{CGROUP} "$@"; }}  # which goes when the node goes
exec podman "$@"
"""


def _containers(ca_file: Path) -> str:
    containers = _table(
        "containers",
        netns="host",
        default_ulimits=[
            "nofile=1024:1024",
            "nproc=1024:1024",
        ],  # Podman's own are beyond a container's
        env=[f"SSL_CERT_FILE={AUTHORITY}"],
        volumes=[f"{ca_file}:{AUTHORITY}:ro"],
    )
    return containers + _table("engine", cgroup_manager="cgroupfs", events_logger="none")


def _table(name: str, **values: object) -> str:
    """A table of TOML; JSON's strings and lists are TOML's, too."""
    lines = [f"{key} = {json.dumps(value, default=str)}\n" for key, value in values.items()]
    return "".join([f"[{name}]\n", *lines])
