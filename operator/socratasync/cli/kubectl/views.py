"""SocrataSyncs as tables and lines for people. Pure: objects of the Kubernetes API in, renderables out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

Object = dict[str, Any]

_PHASES = {"Synced": "green", "Syncing": "cyan", "Failed": "red", "Invalid": "red"}
_COUNTS = ("inserted", "updated", "deleted", "unchanged", "target")
_COUNT_HEADS = ("New", "Changed", "Deleted", "Same", "In table")


def overview(syncs: Sequence[Object], now: datetime, *, with_namespace: bool) -> RenderableType:
    """All of them, a line each."""
    heads = ["Name", "Mode", "Schedule", "Phase", "Last sync", "Rows", "Next", "Message"]
    table = _table([*(["Namespace"] if with_namespace else []), *heads], numbers=("Rows",))
    for sync in syncs:
        spec, status = sync["spec"], sync.get("status") or {}
        place = [sync["metadata"]["namespace"]] if with_namespace else []
        table.add_row(
            *place,
            sync["metadata"]["name"],
            spec.get("mode", "update"),
            spec.get("schedule", "on change"),
            _phase(status),
            _ago(status.get("lastSuccessfulTime"), now),
            _number((status.get("rows") or {}).get("target")),
            _ago(status.get("nextScheduleTime"), now),
            _news(status),
        )
    return table


def details(sync: Object, now: datetime) -> RenderableType:
    """One of them, with its datasets and conditions."""
    spec, status = sync["spec"], sync.get("status") or {}
    target = spec["target"]
    head = Text.assemble(
        (f"{sync['metadata']['namespace']}/{sync['metadata']['name']}", "bold"),
        f": {spec['domain']} → {target.get('schema', 'public')}.{target['table']}, ",
        _phase(status),
    )
    parts: list[RenderableType] = [head, _times(status, now)]
    if active := status.get("activeRun"):
        parts.append(Text(f"running: {progress(active)}", style="cyan"))
    if last := status.get("lastRun"):
        parts.append(Text(f"last run: {ended(last)}"))
    if one_off := status.get("lastOneOff"):
        parts.append(Text(f"last one-off run: {ended(one_off)}"))
    if size := status.get("table"):
        parts.append(Text(f"table: {sizes(size)}"))
    if datasets := status.get("datasets"):
        parts += [Text(""), _datasets(datasets)]
    if conditions := status.get("conditions"):
        parts += [Text(""), _conditions(conditions, now)]
    return Group(*parts)


def sizes(size: Object) -> str:
    """The disk that the table takes: ``1.2 GB, and 340.0 MB of indexes``."""
    table, indexes = decimal(size.get("bytes") or 0), size.get("indexBytes")
    return table if indexes is None else f"{table}, and {decimal(indexes)} of indexes"


def history(sync: Object) -> RenderableType:
    """Its past runs, newest first."""
    heads = ("Started (UTC)", "Why", "Mode", "Only", "Result", "Took", *_COUNT_HEADS, "Job")
    table = _table(heads, numbers=("Took", *_COUNT_HEADS))
    for run in (sync.get("status") or {}).get("history") or []:
        rows = run.get("rows") or {}
        result = Text(run.get("result", ""), style="red" if _went_wrong(run) else "")
        if _went_wrong(run) and run.get("reason"):
            result.append(f" ({run['reason']})")
        table.add_row(
            _minute(run.get("start")),
            run.get("trigger", ""),
            run.get("mode", ""),
            run.get("only", ""),
            result,
            run.get("duration", ""),
            *(_number(rows.get(count)) for count in _COUNTS),
            run.get("job", ""),
        )
    return table


def progress(active: Object) -> str:
    """How far the active run is: ``update, download 120,000 of 300,000 rows (40 %)``, or why its worker is
    not at work."""
    if active.get("reason"):
        return f"{active['reason']}: {active.get('message', '')}"
    far = active.get("progress") or {}
    words = [active.get("mode", ""), *([f"only {active['only']}"] if active.get("only") else [])]
    if stage := far.get("stage"):
        of_total = f" of {far['total']:,}" if far.get("total") else ""
        share = f" ({far['percent']:.0f} %)" if far.get("percent") is not None else ""
        words.append(
            f"{far.get('dataset', '')} {stage} {far.get('rows', 0):,}{of_total} rows{share}"
        )
    else:
        words.append(f"job {active.get('job', '')}")
    return ", ".join(words)


def ended(run: Object) -> str:
    """How a run ended, in one line."""
    rows = run.get("rows") or {}
    told = [f"{rows[c]:,} {word}" for c, word in _WORDS if rows.get(c)]
    only = f"only {run['only']}" if run.get("only") else ""
    parts = [run.get("result", ""), run.get("trigger", ""), only, run.get("duration", ""), *told]
    message = f". {run['message']}" if _went_wrong(run) and run.get("message") else ""
    return ", ".join(part for part in parts if part) + message


def newest_ended(status: Object) -> Object | None:
    """The run that ended last, be it a one-off run."""
    newest = (status.get("history") or [{}])[0].get("uid")
    one_off: Object | None = status.get("lastOneOff")
    if one_off and one_off.get("uid") == newest:
        return one_off
    last: Object | None = status.get("lastRun")
    return last


_WORDS = (("inserted", "new"), ("updated", "changed"), ("deleted", "deleted"))


def log_line(line: str) -> str:
    """A worker's JSON log line for people; anything else as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "msg" not in entry:
        return line
    at = str(entry.get("ts", ""))[11:19]
    trace = f"\n{entry['trace']}" if entry.get("trace") else ""
    return f"{at} {str(entry.get('level', '')).upper():<7} {entry['msg']}{trace}"


def _table(heads: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in heads:
        folds = head == "Message"
        table.add_column(
            head,
            justify="right" if head in numbers else "left",
            no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
        )
    return table


def _times(status: Object, now: datetime) -> Text:
    told = [
        ("last success", _ago(status.get("lastSuccessfulTime"), now)),
        ("next run", _ago(status.get("nextScheduleTime"), now)),
        ("next update from", _minute(status.get("lastSyncedSince"))),
        ("failures in a row", str(status.get("consecutiveFailures") or "")),
    ]
    return Text("; ".join(f"{what}: {when}" for what, when in told if when))


def _datasets(datasets: Sequence[Object]) -> Table:
    heads = ("Dataset", "Year", "Read by", "At source", *_COUNT_HEADS, "Next from", "Message")
    table = _table(heads, numbers=("At source", *_COUNT_HEADS))
    for dataset in datasets:
        rows, error = dataset.get("rows") or {}, dataset.get("error") or {}
        table.add_row(
            dataset["id"],
            str(dataset.get("year") or ""),
            dataset.get("api") or "",
            _number(dataset.get("sourceRows")),
            *(_number(rows.get(count)) for count in _COUNTS),
            _minute(dataset.get("lastSyncedSince")),
            Text(f"{error['reason']}: {error.get('message', '')}" if error else "", style="red"),
        )
    return table


def _conditions(conditions: Sequence[Object], now: datetime) -> Table:
    table = _table(("Condition", "Status", "Since", "Reason", "Message"))
    for condition in conditions:
        since = _ago(condition.get("lastTransitionTime"), now)
        table.add_row(
            condition["type"],
            condition["status"],
            since,
            condition["reason"],
            Text(condition.get("message", "")),
        )
    return table


def _phase(status: Object) -> Text:
    phase = status.get("phase") or "Pending"
    return Text(phase, style=_PHASES.get(phase, ""))


def _news(status: Object) -> Text:
    """What is worth saying about it: how far it runs, or what is wrong."""
    if active := status.get("activeRun"):
        return Text(progress(active))
    ready = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), None)
    return Text(ready["message"] if ready and ready["status"] != "True" else "")


def _went_wrong(run: Object) -> bool:
    return run.get("result") not in ("Succeeded", "NoChange", None)


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _minute(text: str | None) -> str:
    return f"{_read(text):%Y-%m-%d %H:%M}" if text else ""


def _ago(text: str | None, now: datetime) -> str:
    """``12m ago``, ``in 7h``."""
    if not text:
        return ""
    seconds = (now - _read(text)).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if size >= 2 * length or (unit == "m" and size >= length):
            amount = f"{int(size // length)}{unit}"
            break
    else:
        amount = f"{int(size)}s"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
