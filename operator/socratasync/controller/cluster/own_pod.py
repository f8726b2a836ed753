"""The pod that the operator runs in: Jobs run the image that it was admitted with, and people a command in it.

So the image stands in one place, whatever puts it there: the chart, Kustomize's ``images:``, ``kubectl set
image``, or a cluster that takes images from a mirror.
"""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import NotThere, Refused

CONTAINER = "operator"
"""What the manifests and the chart call the operator's container; others are sidecars."""

_INSTEAD = "name the image of the Jobs by --image or SOCRATASYNC_IMAGE"


async def own_image(cluster: Cluster, environ: Mapping[str, str]) -> str:
    """The image of this process's container.

    Raises ``Refused`` outside of a pod or without the right to list pods there, ``Unreachable`` if the API server
    does not answer.
    """
    namespace, name = environ.get("POD_NAMESPACE"), environ.get("POD_NAME")
    if not namespace or not name:
        raise Refused(f"POD_NAMESPACE and POD_NAME do not say which pod this is; {_INSTEAD}")
    try:
        pod = await cluster.get_pod(namespace, name)
    except Refused as exc:
        raise Refused(f"the operator may not see its own pod ({exc.message}); {_INSTEAD}") from exc
    if pod is None:
        raise NotThere(f"there is no pod {namespace}/{name}; {_INSTEAD}")
    containers = pod["spec"]["containers"]
    images = {container["name"]: str(container["image"]) for container in containers}
    if CONTAINER not in images:
        raise Refused(f"the pod {namespace}/{name} has no container {CONTAINER}; {_INSTEAD}")
    return images[CONTAINER]


def as_typed_by_a_person(command: str, environ: Mapping[str, str]) -> str:
    """The words with which somebody who has kubectl, and nothing else of ours, runs what this process could run."""
    namespace, name = environ.get("POD_NAMESPACE"), environ.get("POD_NAME")
    if not namespace or not name:
        return command
    return f"kubectl exec -n {namespace} {name} -c {CONTAINER} -- {command}"
