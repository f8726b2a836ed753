"""What the role of the DSN may not do, and the very statements that somebody with more rights must run.

PostgreSQL's own refusal names one object and not what to grant, and only when a run is under way. So a run, and
``plan``, ask beforehand, and tell all of it at once. Statements are put together by the server, which knows
how names are quoted. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from socratasync.errors import PermissionDenied
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("grants")


def check_rights(
    connection: Connection, schema: str, table: str, *, views: Iterable[str], stages: Sequence[str]
) -> None:
    """Whether this role may do all that a run into the table does. ``stages``: the names of the stages that the
    run would make. Raises ``PermissionDenied`` with every statement that is missing."""
    split = [name.rpartition(".") for name in views]
    words = {
        "schema": schema,
        "table": table,
        "view_schemas": [place or None for place, _, _ in split],
        "views": [name for _, _, name in split],
        "stages": list(stages),
    }
    wanted = [row[0] for row in connection.execute(_SQL["target_grants"], words).fetchall()]
    if statements := wanted + for_bookkeeping(connection):
        raise lacks(connection, statements)


def for_bookkeeping(connection: Connection) -> list[str]:
    """The statements that this role lacks to keep the bookkeeping, none of them if there is nothing."""
    return [row[0] for row in connection.execute(_SQL["bookkeeping_grants"]).fetchall()]


def lacks(connection: Connection, statements: Sequence[str]) -> PermissionDenied:
    """The error that tells them."""
    info = connection.info
    return PermissionDenied(
        f'role "{info.user}" may not do all that a run does. Have an administrator of the database '
        f"{info.dbname} run: {'; '.join(statements)}"
    )
