"""People are told of each cause once, within a minute, and once that it is over; of what a retry heals, never."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from tests.cluster.causes import CAUSES, Cause, Story
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import NotReady, wait_until
from tests.cluster.rooms import operator_of_rooms, rooms_for
from tests.cluster.running import RunningOperator
from tests.cluster.syncs import Sync
from tests.cluster.ways import enforce

TOLD_WITHIN_S = 60


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(control_plane) as played:
        yield played


@pytest.fixture(scope="module")
def rooms(control_plane: ControlPlane) -> Iterator[Mapping[str, str]]:
    with rooms_for(control_plane, (cause.name for cause in CAUSES)) as made:
        yield made


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane,
    rooms: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningOperator]:
    with operator_of_rooms(control_plane, rooms, tmp_path_factory.mktemp("operator")) as running:
        yield running


@pytest.fixture(scope="module")
def stories(
    control_plane: ControlPlane, operator: RunningOperator, rooms: Mapping[str, str], node: Kubelet
) -> Mapping[str, Story]:
    """All causes at once, told to their ends, so that their minutes pass side by side."""
    del operator
    told = {
        cause.name: Story(cause, Sync(control_plane.api, node, rooms[cause.name]))
        for cause in CAUSES
    }
    for story in told.values():
        for there in story.cause.there:
            control_plane.apply(there, namespace=story.sync.namespace)
            enforce(story.sync.api, story.sync.namespace, there)
        story.apply()

    def all_over() -> bool:
        for story in told.values():
            node.confirms_stopped(namespace=story.sync.namespace)
            story.step()
        return all(story.is_over for story in told.values())

    with suppress(NotReady):  # each row then says for itself that it is not
        wait_until(all_over, timeout_s=2 * TOLD_WITHIN_S, what="all to be told and over")
    return told


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_a_cause_is_one_message_and_its_end_another(
    cause: Cause, stories: Mapping[str, Story]
) -> None:
    story = stories[cause.name]
    messages = story.messages()

    assert story.is_over, f"told {messages}; it is {story.sync.status()}"
    begun = [{each["occasion"] for each in message["begun"]} for message in messages]
    over = [{each["occasion"] for each in message["over"]} for message in messages]
    assert begun == ([cause.begun, set()] if cause.begun else [])
    assert over == ([set(), cause.begun] if cause.begun else [])
    assert story.told_after_s is None or story.told_after_s <= TOLD_WITHIN_S
    for message in messages[:1]:
        assert cause.says in message["begun"][0]["message"]
        assert (message["namespace"], message["name"]) == (story.sync.namespace, story.sync.name)
