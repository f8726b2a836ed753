"""How a Job's pod, the operator's defaults and a sync's own wishes become one: the sync's come first. Pure.

============================================  =========================================================
labels, annotations, nodeSelector             joined; of the same name, the sync's
tolerations, imagePullSecrets                 both, each once
env                                           joined; of the same meaning, the sync's
volumes, volumeMounts                         joined; of the same name or path, the sync's
everything else of the pod                    the sync's, if it says anything
resources: requests, limits                   each the sync's, if it says it; what is a default gives way
CA bundle                                     the default's, unless a variable names another
============================================  =========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from socratasync.api.job import Resources, read_quantity
from socratasync.api.pod import PodTemplate
from socratasync.contract.dsn_parts import authorities_source
from socratasync.controller.jobs.defaults import BUILT_IN, JobDefaults

Object = dict[str, Any]

CA_FOLDER: Final = "/etc/socratasync/ca"
_CA_FILE: Final = "bundle.crt"
CA_VARIABLES: Final = frozenset({"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"})
"""Which name the authorities to trust."""

_POD_FIELDS = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "imagePullSecrets",
    "priorityClassName",
    "serviceAccountName",
)


def overlaid(pod: Mapping[str, Any], defaults: JobDefaults, own: PodTemplate) -> Object:
    """The Job's ``template`` (metadata and spec, one container) with the defaults and the sync's own on it."""
    added = _joined(defaults, own)
    metadata, spec = pod["metadata"], pod["spec"]
    container = spec["containers"][0]
    return {
        "metadata": {
            "labels": {**added["labels"], **metadata["labels"]},
            "annotations": {**added["annotations"], **metadata["annotations"]},
        },
        "spec": {
            **spec,
            **{name: added[name] for name in _POD_FIELDS if added.get(name)},
            "volumes": [*spec["volumes"], *added["volumes"]],
            "containers": [
                {
                    **container,
                    "env": [*added["env"], *container["env"]],
                    "volumeMounts": [*container["volumeMounts"], *added["volumeMounts"]],
                }
            ],
        },
    }


def resources_of(own: Resources, defaults: Resources) -> Object:
    """``resources`` of the worker's container. A default that contradicts the sync's own gives way: a request is
    lowered to the limit, a limit raised to the request."""
    low = _resources(defaults, BUILT_IN)
    return _resources(own, low).as_manifest()  # type: ignore[return-value]


def _resources(high: Resources, low: Resources) -> Resources:
    requests = dict((low if high.requests is None else high).requests or {})
    limits = dict((low if high.limits is None else high).limits or {})
    for name in requests.keys() & limits.keys():
        if read_quantity(requests[name]) > read_quantity(limits[name]):
            if high.limits is None:
                limits[name] = requests[name]
            else:
                requests[name] = limits[name]
    return Resources(requests=requests, limits=limits)


def _joined(defaults: JobDefaults, own: PodTemplate) -> Object:
    """The fields of a pod template, of both."""
    low, high = defaults.pod_template.as_manifest(), own.as_manifest()
    joined = {**low, **{name: value for name, value in high.items() if value}}
    for name in ("labels", "annotations", "nodeSelector"):
        joined[name] = {**low[name], **high[name]}
    for name in ("tolerations", "imagePullSecrets"):
        joined[name] = _each_once([*low[name], *high[name]])
    joined["env"] = _by(_meaning, low["env"], high["env"])
    joined["volumes"] = _by(lambda volume: volume["name"], low["volumes"], high["volumes"])
    joined["volumeMounts"] = _by(
        lambda mount: mount["mountPath"].rstrip("/"), low["volumeMounts"], high["volumeMounts"]
    )
    _trust(joined, defaults)
    return joined


def _trust(joined: Object, defaults: JobDefaults) -> None:
    """Mount the default's authorities and name them, unless a variable names others. One variable is enough for
    all that a worker calls; the file is no part of the pod where nothing would read it."""
    if defaults.ca_bundle is None or any(each["name"] in CA_VARIABLES for each in joined["env"]):
        return
    source = {"sources": [authorities_source(defaults.ca_bundle, _CA_FILE)]}
    mount = {"name": "socratasync-ca", "mountPath": CA_FOLDER, "readOnly": True}
    joined["volumes"] = [*joined["volumes"], {"name": "socratasync-ca", "projected": source}]
    joined["volumeMounts"] = [*joined["volumeMounts"], mount]
    joined["env"] = [{"name": "SSL_CERT_FILE", "value": f"{CA_FOLDER}/{_CA_FILE}"}, *joined["env"]]


def _meaning(variable: Mapping[str, Any]) -> str:
    """Variables of one meaning: those that name a CA bundle, and a proxy's in either case."""
    name = str(variable["name"])
    if name in CA_VARIABLES:
        return "a CA bundle"
    return name.upper() if name.upper().endswith("_PROXY") else name


def _by(
    sameness: Callable[[Mapping[str, Any]], str], low: Iterable[Object], high: Iterable[Object]
) -> list[Object]:
    """All of ``high``, after those of ``low`` that none of them takes the place of."""
    wanted = [*high]
    taken = {sameness(each) for each in wanted}
    return [*(each for each in low if sameness(each) not in taken), *wanted]


def _each_once(items: Iterable[Object]) -> list[Object]:
    kept: list[Object] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept
