"""What the pages tell people to type works as it stands there, in the order in which it stands there.

The pages are README, the guides and the runbooks. ``SCENES`` says in which order they are gone through
and what each begins with; ``NOT_TYPED`` names the commands that cannot be had here, with the reason. A command that
is in no scene and is not named fails the last test of this file.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.processes import wait_until
from tests.e2e import docker
from tests.e2e.cluster import Cluster
from tests.e2e.holding import held_download
from tests.e2e.visit import Visit, visit
from tests.pages import PAGES, RUNBOOKS, Command, File, commands, steps

pytestmark = pytest.mark.skipif(bool(os.environ.get("KUBECONFIG")), reason=docker.NOT_OUR_NODE)

NOT_TYPED = {
    "make image": "its base comes from a registry; images.build builds the same Dockerfile on a stand-in",
    "make test": "this test is part of it, or stands beside it",
    ".venv/bin/socratasync search data.lacity.org": "asks the city's own portal; tests/commands asks a simulated one",
    ".venv/bin/socratasync init https://data.lacity.org": "asks the city's own portal; tests/commands asks a simulated one",
    "socratasync run -f la-311.yaml --": "a person's own database; tests/commands types these options on one of its own",
    "pipx install '.[operator]'": "needs pipx and a package index; make setup installs the same programs",
    "git clone https://github.com/socratasync/socratasync": "needs GitHub",
    "kind load docker-image socratasync:dev": "needs Docker and kind",
    "k3d image import socratasync:dev": "needs Docker and k3d",
    "minikube image load socratasync:dev": "needs minikube",
    "docker push registry.example/open-data/socratasync:dev": "needs a registry",
    "helm install socratasync oci://ghcr.io/socratasync/charts/socrata-sync --version 0.1.0": "needs a release",
    "kubectl create configmap rds-ca": "needs a file of Amazon's",
    "kubectl apply -f https://github.com/socratasync/socratasync/releases": "needs a release",
    "cosign verify ghcr.io/socratasync/socratasync:$VERSION": "needs a release",
    "gh attestation verify": "needs a release",
    "gh release download": "needs a release",
    "sha256sum --check --ignore-missing SHA256SUMS": "needs a release",
}
"""Beginnings of commands that are not typed here, and why."""

UNTIL = {
    "kubectl -n data get socratasyncs --watch": "Synced",
    "--watch": r"\w",
    "--tail=20 -f": r"\w",
}
"""Ends of commands that never end by themselves, and what they print before they are interrupted."""

SAYS = {
    "helm test": r"Phase: +Succeeded",
    "docker run": r"(?i)b7dx-7gc3|pvft-t768",
    " --wait": "Succeeded|NoChange|no change",
    "f:suspend)]}": r"^kubectl-patch at \d{4}-",
    "pg_dump": "^$",
}
"""Parts of commands, and what is printed by them; by all others anything may be."""

READY = "kubectl -n socratasync-system rollout status deployment/socratasync --timeout=60s"

Setting = Callable[[Visit, ExitStack], None]


def nothing(visit: Visit, scene: ExitStack) -> None:
    """As it was left by the scene before."""


def first_day(visit: Visit, scene: ExitStack) -> None:
    """A cluster that has never heard of us."""
    visit.forget("data", "open-data", "socratasync-system")


def arrival(visit: Visit, scene: ExitStack) -> None:
    """The same, and somebody who is where the checkout will be."""
    first_day(visit, scene)
    visit.type("cd ..")


def without_release(visit: Visit, scene: ExitStack) -> None:
    """A cluster in which nobody has installed us by Helm."""
    visit.forget("socratasync-system")


def with_manifests(visit: Visit, scene: ExitStack) -> None:
    """An install without Helm, which works."""
    visit.apply("manifests")
    visit.type(READY)


def running(visit: Visit, scene: ExitStack) -> None:
    """A run that is in mid-download, until the page ends."""
    held = scene.enter_context(held_download(visit.portal, after_pages=0))
    visit.type(
        f"kubectl -n data annotate socratasync la-311 socratasync.dev/full={time.time()} --overwrite"
    )
    held.wait_reached()


def settled(visit: Visit, scene: ExitStack) -> None:
    """No run that an earlier page has asked for or stopped: the last one has ended well, and its Job is there."""
    visit.type("kubectl socratasync trigger la-311 -n data --wait")


def suspended(visit: Visit, scene: ExitStack) -> None:
    """Somebody has suspended the sync by hand."""
    visit.type(
        """kubectl -n data patch socratasync la-311 --type=merge -p '{"spec":{"suspend":true}}'"""
    )


def definition_lost(visit: Visit, scene: ExitStack) -> None:
    """Somebody has deleted the definition; the operator has restarted, and says what to do, which is done."""
    visit.cluster.kubectl("delete", "crd", "socratasyncs.socratasync.dev")
    advice = re.compile(r"is not installed; whoever may install it runs: ([^\"]*)")
    said = wait_until(
        lambda: advice.search(visit.log()) if visit.log("--previous") else None,
        timeout_s=60,
        what="the operator to restart, and to miss its definition",
    )
    visit.type(said[1])
    scene.callback(at_work, visit)


def at_work(visit: Visit) -> None:
    """The sync of the README, applied again, with an operator that has loaded it."""
    visit.type(READY)
    visit.type("kubectl apply -f la-311.yaml")
    visit.cluster.wait_for_status("la-311", lambda s: s.get("phase") == "Synced", namespace="data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A page, or some of its sections, and what it begins with. ``before`` is done before commands that so begin."""

    page: str
    sections: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    begins: Setting = nothing
    before: tuple[tuple[str, Setting], ...] = ()

    def __str__(self) -> str:
        return f"{Path(self.page).stem}{'-' if self.sections else ''}{'+'.join(self.sections)}"

    def covers(self, command: Command | File) -> bool:
        """Whether the command is typed in this scene."""
        its_own = not self.sections or command.section in self.sections
        return command.page == self.page and its_own and command.section not in self.but


SETTINGS = {
    "docs/runbooks/SocrataSyncRunningTooLong.md": running,
    "docs/runbooks/SocrataSyncSuspendedTooLong.md": suspended,
    "docs/runbooks/SocrataSyncOperatorDown.md": definition_lost,
}

_TO_THE_END = "Uninstall"
_WITHOUT_HELM = ("With kubectl", "Three scopes")

SCENES = [
    Scene(page="README.md", begins=first_day),
    *(Scene(page=page, begins=SETTINGS.get(page, nothing)) for page in RUNBOOKS),
    Scene(page="docs/operations.md", but=(_TO_THE_END,), begins=settled),
    *(
        Scene(page=f"docs/{name}.md")
        for name in ("soda2-ends", "troubleshooting", "databases", "la-311", "migration")
    ),
    Scene(
        page="docs/operations.md",
        sections=(_TO_THE_END,),
        before=(
            ("kubectl delete -k manifests/operator", with_manifests),
            ("kubectl delete -k manifests/", with_manifests),
        ),
    ),
    Scene(page="docs/install.md", but=_WITHOUT_HELM, begins=arrival),
    Scene(page="docs/install.md", sections=_WITHOUT_HELM, begins=without_release),
]


def why_not_typed(command: Command) -> str | None:
    return next((why for start, why in NOT_TYPED.items() if command.text.startswith(start)), None)


@pytest.fixture(scope="module")
def visitor(
    cluster: Cluster, server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    with visit(cluster, server, tmp_path_factory.mktemp("visit")) as found:
        yield found
        found.forget("data", "open-data", "socratasync-system")


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_what_a_page_tells_people_to_type_works_as_it_stands(visitor: Visit, scene: Scene) -> None:
    with ExitStack() as left_behind:
        scene.begins(visitor, left_behind)
        for step in steps(scene.page):
            if not scene.covers(step):
                continue
            if isinstance(step, File):
                visitor.save(step)
            elif not why_not_typed(step):
                follow(visitor, scene, step, left_behind)


def follow(visitor: Visit, scene: Scene, command: Command, left_behind: ExitStack) -> None:
    """Types the command; fails with the page and the line."""
    text = command.text.partition("    #")[0].rstrip()
    for start, setting in scene.before:
        if text.startswith(start):
            setting(visitor, left_behind)
            break
    until = next((word for end, word in UNTIL.items() if text.endswith(end)), None)
    try:
        said = visitor.type(command.text, until=until)
    except AssertionError as exc:
        raise AssertionError(f"{command.page}:{command.line}: {exc}") from None
    for part, pattern in SAYS.items():
        if part in text:
            assert re.search(pattern, said), f"{command}\nprinted\n{said}"
    if "create namespace data" in text:
        visitor.trust_portal("data")


def test_every_command_of_the_pages_is_typed_or_named_with_a_reason() -> None:
    found = [command for page in PAGES for command in commands(page)]

    assert [str(c) for c in found if not any(s.covers(c) for s in SCENES)] == []
    assert [start for start in NOT_TYPED if not any(c.text.startswith(start) for c in found)] == []
