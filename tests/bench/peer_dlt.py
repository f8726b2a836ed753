"""dlt loads a Socrata dataset, as a person would write it after its documentation: JSON pages, an incremental
cursor, an upsert by key, CSV into PostgreSQL. Run by the Python that has dlt, with the address of the dataset, the
DSN, the key and the rows of a page; dlt keeps its state in the working directory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found, unused-ignore]
from dlt.sources.helpers import requests  # type: ignore[import-not-found, unused-ignore]


def main(url: str, dsn: str, key: str, page_size: int) -> None:
    """Load what is new since the last time; everything, the first time."""

    @dlt.resource(  # type: ignore[misc, untyped-decorator, unused-ignore]
        name="requests",
        primary_key=key,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    def rows(
        changed: Any = dlt.sources.incremental(  # noqa: B008 - so dlt wants it
            "changed_at", initial_value="1970-01-01T00:00:00.000Z"
        ),
    ) -> Iterator[list[dict[str, Any]]]:
        since, offset = changed.last_value, 0
        while True:
            parameters = {
                "$select": ":*,*",
                "$where": f":updated_at >= '{since}'",
                "$order": ":id",
                "$limit": page_size,
                "$offset": offset,
            }
            page = requests.get(url, params=parameters).json()
            yield [{**row, "changed_at": row[":updated_at"]} for row in page]
            if len(page) < page_size:
                return
            offset += len(page)

    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=str(Path.cwd()),
        destination=dlt.destinations.postgres(credentials=dsn),
        dataset_name="by_dlt",
    )
    pipeline.run(rows(), loader_file_format="csv").raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
