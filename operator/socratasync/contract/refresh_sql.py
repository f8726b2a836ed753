"""The SQL of a config map: a variable of a run's Job, which the kubelet fills, so that the operator never reads it.

``socratasync run`` and ``plan`` read the same variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from socratasync.api.script import BadScript
from socratasync.api.spec import SyncSpec
from socratasync.contract.variables import LONGEST_VARIABLE
from socratasync.errors import InvalidSpec

SQL: Final = "SOCRATASYNC_REFRESH_SQL"


def write_sql(spec: SyncSpec) -> Iterator[dict[str, Any]]:
    """``env`` of the worker's container: the reference to the config map, if the spec names one."""
    if reference := spec.refresh.sql_config_map_ref:
        source = {"name": reference.name, "key": reference.key}
        yield {"name": SQL, "valueFrom": {"configMapKeyRef": source}}


def with_sql(spec: SyncSpec, environ: Mapping[str, str]) -> SyncSpec:
    """The spec with the text of the config map that it names, if the environment has it. Raises ``InvalidSpec`` for one
    that cannot be run."""
    refresh, text = spec.refresh, environ.get(SQL)
    if refresh.sql_config_map_ref is None or text is None:
        return spec
    if len(text.encode(errors="surrogateescape")) > LONGEST_VARIABLE:
        raise InvalidSpec(
            f"{refresh.written_in}: must be at most {LONGEST_VARIABLE:,} bytes long; put what is longer into a "
            "function of the database, and call that"
        )
    try:
        text.encode()
        return spec.model_copy(update={"refresh": refresh.with_sql(text)})
    except UnicodeEncodeError as exc:
        raise InvalidSpec(f"{refresh.written_in}: must be UTF-8") from exc
    except BadScript as exc:
        raise InvalidSpec(f"{refresh.written_in}: {exc}") from exc


def sql_not_given(spec: SyncSpec) -> list[str]:
    """A sentence where the spec names a config map and nobody gave its text."""
    refresh = spec.refresh
    if refresh.sql_config_map_ref is None or refresh.sql is not None:
        return []
    return [
        f"refresh.sqlConfigMapRef is named, but {SQL} is not set: no SQL is run after the merge"
    ]
