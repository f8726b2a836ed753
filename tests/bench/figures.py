"""What the operator costs with so many SocrataSyncs: figures, goals, a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LIMITS: Mapping[str, float] = {"apply_to_job_p95_s": 2.0, "idle_cpu_percent": 1.0}
RESIDENT_LIMITS_MIB = {1_000: 128.0, 10_000: 256.0}
FIRST_START_LIMITS_S = {10_000: 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one size cost. Seconds unless the name says otherwise."""

    syncs: int
    first_start_all_statuses_s: float
    """Process start → every new, suspended resource has its first status."""
    restart_ready_s: float
    """Process start → /readyz says ok, with every resource handled before."""
    restart_all_known_s: float
    """Process start → /metrics has every resource's series back; asked every two seconds."""
    scrape_s: float
    """One GET of /metrics with all of them."""
    apply_to_job_p50_s: float
    apply_to_job_p95_s: float
    skew_p50_s: float
    skew_p99_s: float
    """Time due → the Job's creation seen by a watch; a hundred resources due in the same minute."""
    resident_first_mib: float
    resident_idle_mib: float
    resident_end_mib: float
    idle_cpu_percent: float
    """Of one core, over five minutes in which nothing happens but one look at everything."""


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def goals_missed(figures: Figures) -> list[str]:
    """A sentence for every goal that is missed."""
    found: dict[str, Any] = asdict(figures)
    limits = dict(LIMITS)
    if figures.syncs in RESIDENT_LIMITS_MIB:
        limits["resident_idle_mib"] = RESIDENT_LIMITS_MIB[figures.syncs]
    if figures.syncs in FIRST_START_LIMITS_S:
        limits["first_start_all_statuses_s"] = FIRST_START_LIMITS_S[figures.syncs]
    return [
        f"with {figures.syncs} SocrataSyncs {name} is {found[name]:.2f}; the goal is {limit:g}"
        for name, limit in limits.items()
        if found[name] > limit
    ]


def table(figures: Sequence[Figures]) -> str:
    """The figures as Markdown, a column for each size."""
    columns = [asdict(each) for each in figures]
    names = [name for name in columns[0] if name != "syncs"]
    lines = ["| | " + " | ".join(f"{column['syncs']:,}" for column in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for name in names:
        words = name.removesuffix("_s").replace("_", " ")
        unit = " (s)" if name.endswith("_s") else ""
        cells = " | ".join(f"{column[name]:.2f}" for column in columns)
        lines.append(f"| {words}{unit} | {cells} |")
    return "\n".join(lines) + "\n"
