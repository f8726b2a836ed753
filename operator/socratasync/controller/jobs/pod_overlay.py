"""What ``spec.job.podTemplate`` lays over the worker's pod. Pure.

It adds; it never takes the place of the operator's own variables, volumes, labels or security
settings. The model refuses the names that could.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socratasync.api.job import PodTemplate

_POD_FIELDS = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "imagePullSecrets",
    "priorityClassName",
    "serviceAccountName",
)


def overlaid(pod: Mapping[str, Any], template: PodTemplate) -> dict[str, Any]:
    """The Job's ``template`` (metadata and spec, one container) with the overlay on it."""
    given = template.as_manifest()
    metadata, spec = pod["metadata"], pod["spec"]
    container = spec["containers"][0]
    return {
        "metadata": {
            "labels": {**given.get("labels", {}), **metadata["labels"]},
            "annotations": {**given.get("annotations", {}), **metadata["annotations"]},
        },
        "spec": {
            **spec,
            **{name: given[name] for name in _POD_FIELDS if given.get(name)},
            "volumes": [*spec["volumes"], *given.get("volumes", [])],
            "containers": [
                {
                    **container,
                    "env": [*given.get("env", []), *container["env"]],
                    "volumeMounts": [*container["volumeMounts"], *given.get("volumeMounts", [])],
                }
            ],
        },
    }
