"""What an operator's administrator wants of every run's Job: read once, when the operator starts.

A sync's own ``spec.job`` comes first; ``overlay`` says how the two are joined. None of it is part of what a run
loads: neither another default nor another release of the operator starts a run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from socratasync.api.dsn import Authorities
from socratasync.api.job import Resources
from socratasync.api.manifest import read_mapping
from socratasync.api.pod import Annotations, Labels, PodTemplate
from socratasync.api.problems import problems, without_nulls
from socratasync.api.rules import Block
from socratasync.errors import InvalidSpec

BUILT_IN: Final = Resources(requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "512Mi"})
"""What a worker asks for and may use where nobody says otherwise."""


class JobDefaults(Block):
    """What every run's Job has, unless its sync says otherwise."""

    labels: Labels = Field(default_factory=dict)
    """Labels of the Jobs, such as the queue that Kueue is to put them into; those of pods are the template's."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the Jobs."""
    resources: Resources = Resources()
    """What a worker's container asks for and may use."""
    ca_bundle: Authorities | None = None
    """The authorities that a worker trusts for HTTPS: a key of a config map or secret in each sync's namespace."""
    user_ids: Literal["Fixed", "FromCluster"] = "Fixed"
    """Whose user and groups a pod has: the image's (65532), or what the cluster chooses for every pod, as OpenShift
    does: without a group the worker cannot read mounted keys."""
    pod_template: PodTemplate = PodTemplate()
    """What is added to each worker's pod, as in ``spec.job.podTemplate``."""


_BEFORE_A_FIELD = re.compile(r"^\.|(?<=did you mean )\.", re.MULTILINE)

NOTHING_SAID: Final = JobDefaults()


def read_defaults(file: Path) -> JobDefaults:
    """The defaults that a YAML file holds; none, if it is empty.

    Raises ``InvalidSpec`` with the file's name and a line for each problem: the field's path and a sentence.
    """
    try:
        written = read_mapping(file.read_text(encoding="utf-8"))
        return JobDefaults.model_validate(without_nulls(written))
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "is not text in UTF-8"
        raise InvalidSpec(f"the job defaults cannot be read: {file}: {why}") from exc
    except InvalidSpec as exc:
        raise InvalidSpec(f"the job defaults in {file}: {exc.message}") from exc
    except ValidationError as exc:
        found = "\n".join(problems(JobDefaults, exc, root=""))
        raise InvalidSpec(f"the job defaults in {file}: {_BEFORE_A_FIELD.sub('', found)}") from exc
