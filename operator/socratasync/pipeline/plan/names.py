"""What a dataset's fields are called in PostgreSQL: the same wherever and whenever it is asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from socratasync.pipeline import parts

MAX_NAME_BYTES = 63  # PostgreSQL cuts longer identifiers silently, which makes two columns one
_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def column_name(field: str) -> str:
    """A PostgreSQL name for a field name: the same wherever and whenever it is asked for.

    Names that PostgreSQL would cut, or that it keeps for itself, get the head of the name and
    eight digits of its SHA-256, so two long names with one beginning stay two.
    """
    name = field.removeprefix(":@").removeprefix(":")
    if name and len(name.encode()) <= MAX_NAME_BYTES and name not in _SYSTEM_COLUMNS:
        return name
    return _with_digest(name, field)


def _with_digest(name: str, field: str) -> str:
    digest = hashlib.sha256(field.encode()).hexdigest()[:8]
    head = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{head}_{digest}"


def name_all(fields: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Field → column name for all fields at once; a name already taken gets the digest form.

    Of two fields that want one name, the one that is called so gets it. The order of ``fields``
    decides nothing: a portal that moves its columns must not swap them in the target.
    """
    wanted = list(fields)
    used = set(taken)
    names: dict[str, str] = {}
    for field in sorted(wanted, key=lambda f: (column_name(f) != f, f)):
        name, salted = column_name(field), field
        while name in used:
            name = _with_digest(column_name(field), salted)
            salted += "_"
        used.add(name)
        names[field] = name
    return {field: names[field] for field in wanted}


def default_name(path: str, fields: Collection[str]) -> str:
    """What is called after a field, or a part, that nobody names, before names are told apart."""
    return path if path in fields else parts.default_name(path)


def name_paths(
    paths: Iterable[str], taken: Iterable[str], fields: Collection[str]
) -> dict[str, str]:
    """Path → column name, as ``name_all`` gives them. A coordinate takes no name that a field wants."""
    wanted = {path: default_name(path, fields) for path in paths}
    own = [p for p, name in wanted.items() if name == (p if p in fields else parts.whole(p))]
    others = [path for path in wanted if path not in own]
    names = name_all((wanted[path] for path in own), taken)
    more = name_all((wanted[path] for path in others), {*taken, *names.values()})
    found = {path: names[wanted[path]] for path in own} | {p: more[wanted[p]] for p in others}
    return {path: found[path] for path in wanted}
