"""What the Grafana dashboard shows: its rows and panels, as data. ``dashboard.py`` makes JSON of it.

Queries reduce series to (namespace, name), as the alerts do: a restarted operator is another pod, not
another sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PICKED = 'namespace=~"$namespace", name=~"$name"'
BY = "by (namespace, name)"
SYNC = "{{namespace}}/{{name}}"
WIDTH = 24  # Grafana's grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: ``queries`` is (PromQL, legend) pairs; ``steps`` colours from the first value on."""

    title: str
    says: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: Sequence[tuple[str, float | None]] = (("green", None),)
    mappings: Sequence[dict[str, Any]] = field(default_factory=tuple)


def of(metric: str, by: str = BY) -> str:
    """The newest value per sync of a metric, for the chosen namespaces and names."""
    return f"max {by} ({metric}{{{PICKED}}})"


def condition(kind: str, status: str) -> str:
    """1 for each chosen sync whose condition has this status."""
    labels = f'{PICKED}, type="{kind}", status="{status}"'
    return f"max {BY} (socratasync_status_condition{{{labels}}})"


def number(title: str, says: str, query: str, **more: Any) -> Panel:
    """A small panel with one number."""
    return Panel(
        title=title, says=says, queries=((query, ""),), kind="stat", width=4, height=4, **more
    )


FRESHNESS = f"time() - ({of('socratasync_last_success_timestamp_seconds')} > 0)"
LAG = (
    f"{of('socratasync_dataset_source_updated_timestamp_seconds', 'by (namespace, name, dataset)')}"
    " - on (namespace, name, dataset) "
    f"{of('socratasync_dataset_synced_through_timestamp_seconds', 'by (namespace, name, dataset)')}"
)
DRIFT = (
    f"{of('socratasync_dataset_target_rows', 'by (namespace, name, dataset)')}"
    " - on (namespace, name, dataset) "
    f"{of('socratasync_dataset_source_rows', 'by (namespace, name, dataset)')}"
)
THE_OPERATORS = "and on (job, instance) socratasync_operator_build_info"
FAILED = f"{of('socratasync_last_run_succeeded')} == 0"
RED_IF_ANY = (("green", None), ("red", 1.0))
YES_NO = (
    {"type": "value", "options": {"0": {"text": "failed", "color": "red", "index": 0}}},
    {"type": "value", "options": {"1": {"text": "good", "color": "green", "index": 1}}},
)

ROWS: Sequence[tuple[str, Sequence[Panel]]] = (
    (
        "Now",
        (
            number(
                "Syncs",
                "SocrataSyncs that the operator looks after.",
                f"count({of('socratasync_info')})",
            ),
            number(
                "Last run failed",
                "Syncs whose last run failed.",
                f"count({FAILED}) or vector(0)",
                steps=RED_IF_ANY,
            ),
            number(
                "Running",
                "Syncs with an active run.",
                f"count({condition('Synchronizing', 'True')} == 1) or vector(0)",
            ),
            number(
                "Cannot start",
                "Syncs whose run is refused by the cluster, or whose pod does not start.",
                f"count({of('socratasync_run_stuck')} == 1) or vector(0)",
                steps=RED_IF_ANY,
            ),
            number(
                "Stalled",
                "Syncs that need a person; their condition Stalled says for what.",
                f"count({condition('Stalled', 'True')} == 1) or vector(0)",
                steps=RED_IF_ANY,
            ),
            number(
                "Suspended",
                "Syncs that start no run because spec.suspend is true.",
                f"count({of('socratasync_suspended')} == 1) or vector(0)",
                steps=(("green", None), ("yellow", 1.0)),
            ),
            number(
                "Oldest success",
                "Time since the last good run, of the sync where it is longest.",
                f"max({FRESHNESS})",
                unit="s",
            ),
            Panel(
                title="Operator last reconciled",
                says="Time since the operator last did its round.",
                queries=(
                    ("time() - max(socratasync_operator_last_reconcile_timestamp_seconds)", ""),
                ),
                kind="stat",
                unit="s",
                width=4,
                height=4,
                steps=(("green", None), ("red", 900.0)),
            ),
            Panel(
                title="Last run, by sync",
                says="Good or failed, over time.",
                queries=((of("socratasync_last_run_succeeded"), SYNC),),
                kind="state-timeline",
                width=WIDTH,
                height=7,
                mappings=YES_NO,
            ),
        ),
    ),
    (
        "Freshness",
        (
            Panel(
                title="Time since the last good run",
                says="Rises between runs, falls to zero at each good one.",
                queries=((FRESHNESS, SYNC),),
                unit="s",
            ),
            Panel(
                title="A good run is due in",
                says="Ten minutes below zero the alert SocrataSyncStale fires.",
                queries=((f"{of('socratasync_success_due_timestamp_seconds')} - time()", SYNC),),
                unit="s",
                steps=(("red", None), ("green", 0.0)),
            ),
            Panel(
                title="Source ahead of the target",
                says="What the source says of its last change, less what is loaded, by dataset.",
                queries=((f"clamp_min({LAG}, 0)", SYNC + " {{dataset}}"),),
                unit="s",
            ),
            Panel(
                title="Next run in",
                says="Time until the next slot; negative while a run waits for others to end.",
                queries=((f"({of('socratasync_next_run_timestamp_seconds')} > 0) - time()", SYNC),),
                unit="s",
            ),
        ),
    ),
    (
        "Rows",
        (
            Panel(
                title="Rows written, per hour",
                says="Inserted, updated and deleted rows.",
                queries=(
                    (
                        f"sum by (namespace, name, op) "
                        f"(increase(socratasync_rows_total{{{PICKED}}}[1h]))",
                        SYNC + " {{op}}",
                    ),
                ),
            ),
            Panel(
                title="Downloaded",
                says="Bytes per second from Socrata.",
                queries=(
                    (
                        f"sum {BY} (rate(socratasync_downloaded_bytes_total{{{PICKED}}}[15m]))",
                        SYNC,
                    ),
                ),
                unit="Bps",
            ),
            Panel(
                title="Drift: rows in the target less rows at the source",
                says="Zero is right. Above: rows gone at the source stay here (spec.target.prune).",
                queries=((DRIFT, SYNC + " {{dataset}}"),),
            ),
            Panel(
                title="Rows in the target, by dataset",
                says="As counted by the last run.",
                queries=(
                    (
                        of("socratasync_dataset_target_rows", "by (namespace, name, dataset)"),
                        SYNC + " {{dataset}}",
                    ),
                ),
            ),
            Panel(
                title="Disk that tables and their indexes take",
                says="As measured by the last run.",
                queries=(
                    (of("socratasync_table_bytes"), f"{SYNC} table"),
                    (of("socratasync_index_bytes"), f"{SYNC} indexes"),
                ),
                unit="bytes",
            ),
        ),
    ),
    (
        "Runs",
        (
            Panel(
                title="Runs by result, per day",
                says="Runs that ended, by result.",
                queries=(
                    (
                        f"sum by (result) (increase(socratasync_runs_total{{{PICKED}}}[1d]))",
                        "{{result}}",
                    ),
                ),
            ),
            Panel(
                title="Failures by sync, per day",
                says="Which syncs fail.",
                queries=(
                    (
                        f"sum {BY} (increase("
                        f'socratasync_runs_total{{{PICKED}, result=~"Failed|Lost"}}[1d])) > 0',
                        SYNC,
                    ),
                ),
            ),
            Panel(
                title="Failures by reason, per day",
                says="Why runs fail.",
                queries=(
                    (
                        f"sum by (reason) (increase(socratasync_failures_total{{{PICKED}}}[1d])) > 0",
                        "{{reason}}",
                    ),
                ),
            ),
            Panel(
                title="Duration by stage, mean over a day",
                says="Where the time of the runs goes.",
                queries=(
                    (
                        "sum by (stage) (increase("
                        f"socratasync_run_duration_seconds_sum{{{PICKED}}}[1d])) / sum by (stage) "
                        f"(increase(socratasync_run_duration_seconds_count{{{PICKED}}}[1d]))",
                        "{{stage}}",
                    ),
                ),
                unit="s",
            ),
            Panel(
                title="Slots missed, per day",
                says="Slots of a schedule that got no run, by reason.",
                queries=(
                    (
                        "sum by (namespace, name, reason) "
                        f"(increase(socratasync_missed_runs_total{{{PICKED}}}[1d])) > 0",
                        SYNC + " {{reason}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Conditions",
        tuple(
            Panel(
                title=title,
                says=says,
                queries=((f"{condition(kind, 'False')} == 1", SYNC),),
                width=6,
                height=6,
            )
            for title, says, kind in (
                ("Not ready", "Condition Ready is False.", "Ready"),
                ("Not fresh", "Condition Fresh is False.", "Fresh"),
                ("Source frozen", "Condition SourceFresh is False.", "SourceFresh"),
                (
                    "Interface ends",
                    "Condition InterfaceSupported is False.",
                    "InterfaceSupported",
                ),
                ("Counts differ", "Condition DataVerified is False.", "DataVerified"),
                ("Columns changed or frozen", "Condition SchemaInSync is False.", "SchemaInSync"),
            )
        ),
    ),
    (
        "Operator",
        (
            Panel(
                title="Reconcile duration, 99th percentile",
                says="How long the operator takes to decide.",
                queries=(
                    (
                        "histogram_quantile(0.99, sum by (le) "
                        "(rate(socratasync_operator_reconcile_duration_seconds_bucket[5m])))",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                title="Job created after its slot, 99th percentile",
                says="How late the operator is.",
                queries=(
                    (
                        "histogram_quantile(0.99, sum by (le) "
                        "(rate(socratasync_job_creation_skew_seconds_bucket[1h])))",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                title="Runs by state",
                says="At work, between two tries, not able to start, or waiting for others to end; of all syncs.",
                queries=(("max by (state) (socratasync_operator_runs)", "{{state}}"),),
            ),
            Panel(
                title="Looks that failed, per hour",
                says="Looks at a resource, or listings of all, that failed, by reason.",
                queries=(
                    (
                        "sum by (reason) "
                        "(increase(socratasync_operator_reconcile_failures_total[1h])) > 0",
                        "{{reason}}",
                    ),
                ),
            ),
            Panel(
                title="Operator's processor",
                says="Seconds of a core per second.",
                queries=((f"rate(process_cpu_seconds_total[5m]) {THE_OPERATORS}", "{{instance}}"),),
            ),
            Panel(
                title="Operator's memory",
                says="Resident memory.",
                queries=((f"process_resident_memory_bytes {THE_OPERATORS}", "{{instance}}"),),
                unit="bytes",
            ),
        ),
    ),
)
