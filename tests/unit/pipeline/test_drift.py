from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from socratasync.errors import (
    InvalidSpec,
    PermissionDenied,
    SchemaChanged,
    SyncError,
    TargetMismatch,
)
from socratasync.pipeline.columns import Column, SourceColumn, postgres_type
from socratasync.pipeline.plan.drift import Agreement, Policy, agree, common_types, fits
from socratasync.pipeline.plan.frozen import NOTHING_FROZEN, find_frozen
from socratasync.pipeline.plan.target_state import check_table
from socratasync.pipeline.target.catalog import Target, TargetColumn


def there(
    name: str, pg_type: str = "text", *, required: bool = False, base: str = ""
) -> TargetColumn:
    return TargetColumn(
        name=name, type=pg_type, required=required, has_default=False, generated=False, base=base
    )


TABLE = Target(
    schema="public",
    table="requests",
    kind="r",
    owned=True,
    owner="loader",
    columns=(there("srnumber", required=True), there("status"), there("houses", "numeric")),
    unique_keys=(("srnumber",),),
)
NO_TABLE = Target(schema="public", table="requests")
AT_SOURCE = {"srnumber": "text", "status": "text", "houses": "number"}


def settle(
    *,
    source: Mapping[str, str] = AT_SOURCE,
    known: Mapping[str, str] | None = AT_SOURCE,
    target: Target = TABLE,
    chosen: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    called: Mapping[str, str] | None = None,
    key: Sequence[str] = ("srnumber",),
    policy: Policy = "AddColumns",
    provenance: bool = True,
    mapping: Mapping[str, str] | None = None,
    accepted: Sequence[str] = (),
    empties: bool = False,
    types: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    leaving: Sequence[str] = (),
) -> Agreement:
    """What source (field → type) and target agree on; columns are called as their fields, but for those
    of ``mapping`` (column → field). All of ``known`` was loaded, but for ``leaving``, which is not loaded now either."""
    shown = labels or {}
    there = [
        SourceColumn(field=field, type=kind, label=shown.get(field, ""))
        for field, kind in source.items()
    ]
    names = {field: name for name, field in (mapping or {}).items()}
    columns = [
        Column(
            name=names.get(c.field, c.field),
            field=c.field,
            source_type=c.canonical,
            type={**(chosen or {}), **(given or {})}.get(c.field) or postgres_type(c),
        )
        for c in there
        if (not chosen or c.field in chosen) and c.field not in leaving
    ]
    return agree(
        dataset="abcd-1234",
        columns=columns,
        source=there,
        known=known,
        frozen=find_frozen(
            {"loaded": {f: f for f in known if f not in leaving}} if known else None,
            columns,
            there,
            target,
            accepted=accepted,
            chosen=chosen or {},
            empties=empties,
        ),
        mapped=(mapping or {}).values(),
        target=target,
        types=types or common_types([columns]),
        chosen=chosen or {},
        given=given or {},
        called=called or {},
        key=key,
        provenance=provenance,
        policy=policy,
    )


def without(*fields: str) -> dict[str, str]:
    return {field: kind for field, kind in AT_SOURCE.items() if field not in fields}


# -- what fits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "fit"),
    [
        ("text", "text", "always"),
        ("text", "character varying(20)", "perhaps"),
        ("text", "integer", "perhaps"),
        ("text", "uuid", "perhaps"),
        ("text", "citext", "perhaps"),
        ("point", "text", "always"),
        ("point", "geometry(Point,4326)", "perhaps"),
        ("number", "numeric", "always"),
        ("number", "bigint", "perhaps"),
        ("number", "text", "always"),
        ("number", "boolean", "never"),
        ("number", "timestamp without time zone", "never"),
        ("double", "double precision", "always"),
        ("double", "real", "perhaps"),
        ("checkbox", "boolean", "always"),
        ("checkbox", "integer", "never"),
        ("floating_timestamp", "timestamp without time zone", "always"),
        ("floating_timestamp", "timestamp with time zone", "perhaps"),
        ("floating_timestamp", "date", "perhaps"),
        ("floating_timestamp", "integer", "never"),
        ("fixed_timestamp", "timestamp with time zone", "always"),
        ("fixed_timestamp", "timestamp without time zone", "perhaps"),
        ("json", "jsonb", "always"),
        ("json", "integer", "never"),
        ("hologram", "text", "always"),
        ("location", "text", "always"),
        ("location", "varchar(20)", "perhaps"),
        ("location", "numeric", "never"),
        ("location", "jsonb", "never"),
        ("location", "point", "perhaps"),
        ("url", "boolean", "never"),
        ("document", "date", "never"),
        ("polygon", "integer", "never"),
        ("photo", "uuid", "perhaps"),
    ],
)
def test_whether_values_of_one_type_go_into_another(source: str, target: str, fit: str) -> None:
    assert fits(source, target) == fit


@pytest.mark.parametrize(
    ("types", "common"),
    [
        pytest.param(["numeric", "numeric"], "numeric", id="one type stays"),
        pytest.param(["integer", "int4"], "integer", id="one type under two names stays"),
        pytest.param(["numeric", "double precision"], "numeric", id="numeric holds both"),
        pytest.param(["numeric", "text"], "text", id="text holds both"),
        pytest.param(["boolean", "timestamp", "boolean"], "text", id="text holds all"),
    ],
)
def test_datasets_that_share_a_table_share_its_types(types: list[str], common: str) -> None:
    datasets = [[Column(name="a", field="a", source_type="x", type=kind)] for kind in types]

    assert common_types(datasets) == {"a": common}


@pytest.mark.parametrize(
    ("given", "chosen", "called", "target", "error", "said"),
    [
        pytest.param(
            {"houses": "boolean"},
            {},
            {},
            NO_TABLE,
            InvalidSpec,
            "spec.target.types wants houses as boolean, which cannot hold dataset abcd-1234's houses (number); "
            "write another type, or text",
            id="a new table's type that takes no such value",
        ),
        pytest.param(
            {},
            {"srnumber": "", "status": "", "houses": "timestamptz"},
            {},
            NO_TABLE,
            InvalidSpec,
            "spec.target.fields wants houses as timestamptz, which cannot hold",
            id="the like of it in fields",
        ),
        pytest.param(
            {"houses": "flag"},
            {},
            {"flag": "boolean"},
            NO_TABLE,
            InvalidSpec,
            "spec.target.types wants houses as flag, which cannot hold",
            id="a type under another name",
        ),
        pytest.param(
            {"houses": "boolean"},
            {},
            {},
            replace(TABLE, columns=TABLE.columns[:2]),
            InvalidSpec,
            "spec.target.types wants houses as boolean, which cannot hold",
            id="a column that the table gets",
        ),
        pytest.param(
            {"houses": "bigint"},
            {},
            {},
            TABLE,
            TargetMismatch,
            "spec.target.types wants houses as bigint, but public.requests has it as numeric; change one of them",
            id="a table's column of another type",
        ),
        pytest.param({"houses": "decimal"}, {}, {}, TABLE, None, "", id="a table's own type"),
        pytest.param({"houses": "real"}, {}, {}, NO_TABLE, None, "", id="a type that fits"),
        pytest.param({"houses": "civic.fare"}, {}, {}, NO_TABLE, None, "", id="a domain"),
    ],
)
def test_a_single_type_is_refused_where_the_column_cannot_have_it(
    given: dict[str, str],
    chosen: dict[str, str],
    called: dict[str, str],
    target: Target,
    error: type[SyncError] | None,
    said: str,
) -> None:
    known = None if target is not TABLE else AT_SOURCE
    if error is None:
        settle(given=given, chosen=chosen, called=called, target=target, known=known)
        return
    with pytest.raises(error) as caught:
        settle(given=given, chosen=chosen, called=called, target=target, known=known)

    assert said in caught.value.message


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("kinds", "common"),
    [
        pytest.param({"number": "numeric", "part": "double precision"}, "numeric", id="a part"),
        pytest.param({"double": "double precision", "number": "numeric"}, "numeric", id="a double"),
        pytest.param({"number": "integer", "part": "double precision"}, "text", id="a given type"),
    ],
)
def test_a_coordinate_that_is_a_part_here_and_a_number_there_is_a_number(
    kinds: dict[str, str], common: str, reverse: bool
) -> None:
    datasets = [
        [
            Column(
                name="lat",
                field="place.latitude" if source == "part" else "lat",
                source_type="number" if source == "part" else source,
                type=kind,
                whole_type="location" if source == "part" else "",
            )
        ]
        for source, kind in kinds.items()
    ]

    assert common_types(datasets[::-1] if reverse else datasets) == {"lat": common}


# -- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        pytest.param(
            replace(NO_TABLE, schema_exists=False, may_create=False),
            TargetMismatch,
            "there is no schema public; create it",
            id="no schema",
        ),
        pytest.param(
            replace(NO_TABLE, may_create=False),
            PermissionDenied,
            "GRANT CREATE ON SCHEMA public",
            id="no right to make a table",
        ),
        pytest.param(
            replace(TABLE, kind="v"), TargetMismatch, "is not a table but a view", id="a view"
        ),
        pytest.param(replace(TABLE, kind="m"), TargetMismatch, "is not a table", id="a matview"),
        pytest.param(replace(TABLE, kind="f"), TargetMismatch, "is not a table", id="foreign"),
        pytest.param(replace(TABLE, kind="S"), TargetMismatch, "is not a table", id="a sequence"),
        pytest.param(
            replace(TABLE, owned=False, owner="dba"),
            PermissionDenied,
            "belongs to dba",
            id="somebody else's table",
        ),
        pytest.param(
            replace(TABLE, unique_keys=()),
            TargetMismatch,
            "ADD PRIMARY KEY (srnumber)",
            id="no unique key",
        ),
        pytest.param(
            replace(TABLE, unique_keys=(("srnumber", "status"),)),
            TargetMismatch,
            "no unique constraint on (srnumber)",
            id="a wider unique key",
        ),
        pytest.param(
            replace(TABLE, kind="p", unique_keys=(), partitioned_by=("status", "srnumber")),
            TargetMismatch,
            "being partitioned by status, it can only have one that contains this, too",
            id="partitioned by what is not in the key",
        ),
        pytest.param(
            replace(TABLE, kind="p", unique_keys=(), partitioned_by=("srnumber",)),
            TargetMismatch,
            "ADD PRIMARY KEY (srnumber)",
            id="partitioned by what is in the key",
        ),
        pytest.param(
            replace(TABLE, kind="p", unique_keys=(), partitioned_by=(None,)),
            TargetMismatch,
            "being partitioned by an expression",
            id="partitioned by an expression",
        ),
        pytest.param(
            replace(TABLE, kind="t"),
            TargetMismatch,
            "but something else;",
            id="of PostgreSQL's own",
        ),
        pytest.param(
            replace(TABLE, columns=(there("status"),)),
            TargetMismatch,
            "has no column srnumber",
            id="no such key column",
        ),
    ],
)
def test_a_table_that_a_run_may_not_write_is_refused_with_what_to_do(
    target: Target, error: type[SyncError], said: str
) -> None:
    with pytest.raises(error) as caught:
        check_table(target, ["srnumber"])

    assert said in caught.value.message
    assert "None" not in caught.value.message


@pytest.mark.parametrize(
    ("target", "key"),
    [
        pytest.param(NO_TABLE, ["srnumber"], id="one still to be made"),
        pytest.param(TABLE, ["srnumber"], id="one with the key"),
        pytest.param(replace(TABLE, kind="p"), ["srnumber"], id="a partitioned one"),
        pytest.param(
            replace(TABLE, unique_keys=(("srnumber", "status"),)),
            ["status", "srnumber"],
            id="one whose key has another order",
        ),
        pytest.param(
            replace(TABLE, unique_keys=(("socrata_id",),)), ["socrata_id"], id="one keyed by row id"
        ),
    ],
)
def test_a_table_that_fits_is_taken(target: Target, key: list[str]) -> None:
    check_table(target, key)


# -- computed regions ---------------------------------------------------------------------------

REGION = ":@computed_region_ab12_cd34"


@pytest.mark.parametrize("policy", ["AddColumns", "Ignore", "Fail"])
@pytest.mark.parametrize(
    ("source", "known"),
    [
        pytest.param({**AT_SOURCE, REGION: "number"}, AT_SOURCE, id="added"),
        pytest.param(AT_SOURCE, {**AT_SOURCE, REGION: "number"}, id="dropped"),
        pytest.param({**AT_SOURCE, REGION: "text"}, {**AT_SOURCE, REGION: "number"}, id="retyped"),
    ],
)
def test_a_computed_region_that_is_not_loaded_is_no_change(
    policy: Policy, source: dict[str, str], known: dict[str, str]
) -> None:
    agreed = settle(source=source, known=known, policy=policy, leaving=[REGION])

    assert (agreed.in_sync, agreed.warnings, agreed.add) == (True, (), ())


def test_one_that_is_loaded_is_a_change_as_any_column_is() -> None:
    agreed = settle(source={**AT_SOURCE, REGION: "number"})

    assert agreed.in_sync is False
    assert agreed.warnings == (f"dataset abcd-1234 changed: column {REGION} is new",)


def test_a_part_fits_as_its_own_type_does_whatever_its_field_has_become() -> None:
    source = {"srnumber": "text", "place": "point"}
    columns = [
        Column(name="srnumber", field="srnumber", source_type="text", type="text"),
        Column(
            name="houses",
            field="place.latitude",
            source_type="number",
            type="double precision",
            whole_type="point",
        ),
    ]
    agreed = agree(
        dataset="abcd-1234",
        columns=columns,
        source=[SourceColumn(field=f, type=t) for f, t in source.items()],
        known={"srnumber": "text", "place": "location"},
        frozen=NOTHING_FROZEN,
        mapped=["place.latitude", "new.url"],
        target=TABLE,
        types={},
        chosen={},
        given={},
        called={},
        key=["srnumber"],
        provenance=True,
        policy="AddColumns",
    )

    assert [c.type for c in agreed.columns] == ["text", "numeric"]
    assert agreed.warnings == ("dataset abcd-1234 changed: column place was location and is point",)


def test_a_new_field_of_which_the_manifest_names_a_part_is_agreed() -> None:
    agreed = settle(source={**AT_SOURCE, "place": "location"}, mapping={"place": "place.latitude"})

    assert agreed.in_sync is True


# -- policy by change by target -------------------------------------------------------------------

ADDED = {**AT_SOURCE, "zip": "number"}
HAS_ZIP = replace(TABLE, columns=(*TABLE.columns, there("zip", "numeric")))
AS_TEXT = replace(TABLE, columns=(*TABLE.columns[:2], there("houses")))
RETYPED = {**AT_SOURCE, "houses": "text"}


@pytest.mark.parametrize(
    ("policy", "source", "target", "loaded", "added", "in_sync"),
    [
        pytest.param("AddColumns", AT_SOURCE, TABLE, AT_SOURCE, (), True, id="nothing, AddColumns"),
        pytest.param("Ignore", AT_SOURCE, TABLE, AT_SOURCE, (), True, id="nothing, Ignore"),
        pytest.param("Fail", AT_SOURCE, TABLE, AT_SOURCE, (), True, id="nothing, Fail"),
        pytest.param(
            "AddColumns", ADDED, TABLE, ADDED, (("zip", "numeric"),), False, id="new, AddColumns"
        ),
        pytest.param(
            "AddColumns", ADDED, HAS_ZIP, ADDED, (), False, id="new and expected, AddColumns"
        ),
        pytest.param("Ignore", ADDED, TABLE, AT_SOURCE, (), False, id="new, Ignore"),
        pytest.param("Ignore", ADDED, HAS_ZIP, ADDED, (), False, id="new and expected, Ignore"),
        pytest.param(
            "AddColumns",
            without("status"),
            TABLE,
            without("status"),
            (),
            False,
            id="gone, AddColumns",
        ),
        pytest.param(
            "Ignore", without("status"), TABLE, without("status"), (), False, id="gone, Ignore"
        ),
        pytest.param(
            "AddColumns", RETYPED, AS_TEXT, RETYPED, (), False, id="retyped into text, AddColumns"
        ),
        pytest.param("Ignore", RETYPED, TABLE, RETYPED, (), False, id="retyped, Ignore tries"),
    ],
)
def test_a_change_that_the_policy_lets_pass(
    policy: Policy,
    source: Mapping[str, str],
    target: Target,
    loaded: Mapping[str, str],
    added: tuple[tuple[str, str], ...],
    in_sync: bool,
) -> None:
    agreement = settle(policy=policy, source=source, target=target)

    assert [c.name for c in agreement.columns] == list(loaded)
    assert agreement.add == added
    assert agreement.in_sync is in_sync
    assert bool(agreement.warnings) is not in_sync


@pytest.mark.parametrize(
    ("policy", "source", "target", "said"),
    [
        pytest.param("Fail", ADDED, TABLE, "column zip is new", id="new, Fail"),
        pytest.param("Fail", ADDED, HAS_ZIP, "column zip is new", id="new and expected, Fail"),
        pytest.param("Fail", without("status"), TABLE, "column status is gone", id="gone, Fail"),
        pytest.param(
            "Fail", RETYPED, AS_TEXT, "houses was number and is text", id="retyped into text, Fail"
        ),
        pytest.param(
            "AddColumns",
            RETYPED,
            TABLE,
            "ALTER COLUMN houses TYPE text",
            id="retyped beyond the column, AddColumns",
        ),
        pytest.param(
            "Ignore",
            {**AT_SOURCE, "houses": "checkbox"},
            TABLE,
            "houses was number and is checkbox",
            id="retyped into what can never be, Ignore",
        ),
        pytest.param(
            "AddColumns",
            without("srnumber"),
            TABLE,
            "no column srnumber, the key of the target; map it with datasets[].columns. "
            "It has: houses, socrata_dataset, socrata_id, socrata_updated_at, status",
            id="the key is gone",
        ),
        pytest.param(
            "Ignore", without("srnumber"), TABLE, "the key of the target", id="the key, Ignore"
        ),
    ],
)
def test_a_change_that_the_policy_does_not_let_pass(
    policy: Policy, source: Mapping[str, str], target: Target, said: str
) -> None:
    with pytest.raises(SchemaChanged) as caught:
        settle(policy=policy, source=source, target=target)

    assert said in caught.value.message
    assert "abcd-1234" in caught.value.message


RENAMED = {**without("status"), "state": "text"}


def test_a_renamed_column_is_one_frozen_and_one_new() -> None:
    agreement = settle(source=RENAMED)

    assert agreement.add == (("state", "text"),)
    changed, frozen = agreement.warnings
    assert changed == "dataset abcd-1234 changed: column state is new"
    assert "no longer fills status: " in frozen


@pytest.mark.parametrize("policy", ["AddColumns", "Ignore", "Fail"])
@pytest.mark.parametrize(
    "way",
    [
        pytest.param({"mapping": {"status": "state"}}, id="the new name is mapped"),
        pytest.param(
            {"source": without("status"), "accepted": ["status"]}, id="it may keep its old values"
        ),
        pytest.param(
            {
                "source": without("status"),
                "target": replace(TABLE, columns=(TABLE.columns[0], TABLE.columns[2])),
            },
            id="the table has it no more",
        ),
    ],
)
def test_a_change_that_a_person_has_dealt_with_is_none(policy: Policy, way: Any) -> None:
    agreement = settle(policy=policy, **{"source": RENAMED, **way})

    assert (agreement.in_sync, agreement.warnings) == (True, ())


def test_fail_tells_the_ways_out() -> None:
    with pytest.raises(SchemaChanged, match=r"datasets\[\].columns, list what is gone in datasets"):
        settle(source=RENAMED, policy="Fail")


def test_what_a_reset_empties_is_told_once_and_not_frozen() -> None:
    agreement = settle(source=without("status"), empties=True)

    assert not agreement.in_sync
    assert agreement.warnings == ("dataset abcd-1234 changed: column status is gone",)
    with pytest.raises(SchemaChanged, match="column status is gone"):
        settle(source=without("status"), empties=True, policy="Fail")


def test_what_was_never_loaded_has_not_changed() -> None:
    agreement = settle(source=ADDED, known=None, policy="Fail", target=HAS_ZIP)

    assert agreement.in_sync
    assert agreement.warnings == ()


def test_a_first_load_that_must_add_columns_is_refused_by_fail() -> None:
    with pytest.raises(TargetMismatch, match=r"has no column zip.*onSchemaChange to AddColumns"):
        settle(source=ADDED, known=None, policy="Fail")


def test_a_column_that_nobody_loads_may_come_and_go() -> None:
    chosen = {"srnumber": "", "status": ""}

    for source in (ADDED, without("houses")):
        agreement = settle(source=source, chosen=chosen, policy="Fail")
        assert agreement.in_sync
        assert agreement.warnings == ()


def test_columns_are_loaded_with_the_types_that_the_table_has() -> None:
    varchar = replace(TABLE, columns=(TABLE.columns[0], there("status", "character varying(9)")))

    agreement = settle(source=without("houses"), known=None, target=varchar)

    assert {c.name: c.type for c in agreement.columns} == {
        "srnumber": "text",
        "status": "character varying(9)",
    }


def test_a_new_table_gets_the_types_that_its_datasets_share() -> None:
    agreement = settle(known=None, target=NO_TABLE, chosen={"srnumber": "", "houses": "integer"})

    assert {c.name: c.type for c in agreement.columns} == {
        "srnumber": "text",
        "houses": "integer",
    }
    assert agreement.add == ()


def test_a_new_table_gets_types_that_hold_the_values_of_all_its_datasets() -> None:
    agreement = settle(known=None, target=NO_TABLE, types={"houses": "text"})

    assert [(c.name, c.type) for c in agreement.columns] == [
        ("srnumber", "text"),
        ("status", "text"),
        ("houses", "text"),
    ]


def test_a_column_that_is_added_holds_the_values_of_all_datasets() -> None:
    agreement = settle(source=ADDED, types={"zip": "text"})

    assert agreement.add == (("zip", "text"),)
    assert {c.name: c.type for c in agreement.columns}["zip"] == "text"


def test_a_change_is_told_of_a_table_that_is_there_no_more() -> None:
    agreement = settle(source=ADDED, target=NO_TABLE)

    assert not agreement.in_sync
    assert agreement.warnings == ("dataset abcd-1234 changed: column zip is new",)


def test_a_column_that_is_not_loaded_is_told() -> None:
    agreement = settle(source=ADDED, known=None, policy="Ignore")

    assert agreement.warnings == (
        "dataset abcd-1234: zip not loaded, since the target has no such column",
    )


# -- what the target is -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "chosen", "said"),
    [
        pytest.param(
            there("houses", "boolean"), {}, "cannot hold the dataset's houses", id="incompatible"
        ),
        pytest.param(
            there("houses", "numeric"),
            {"srnumber": "", "status": "", "houses": "integer"},
            "wants houses as integer, but public.requests has it as numeric",
            id="another type than the manifest wants",
        ),
        pytest.param(
            replace(there("houses", "numeric"), generated=True),
            {},
            "is generated by PostgreSQL",
            id="generated",
        ),
    ],
)
def test_a_column_of_the_table_that_cannot_take_the_source_is_refused(
    column: TargetColumn, chosen: Mapping[str, str], said: str
) -> None:
    target = replace(TABLE, columns=(*TABLE.columns[:2], column))

    with pytest.raises(TargetMismatch) as caught:
        settle(known=None, target=target, chosen=chosen)

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("base", "policy", "refusal"),
    [
        pytest.param("numeric", "Ignore", None, id="its constraint may refuse a value: tried"),
        pytest.param("numeric", "AddColumns", SchemaChanged, id="which a new type may well meet"),
        pytest.param("boolean", "Ignore", SchemaChanged, id="never"),
    ],
)
def test_a_domain_takes_what_the_type_below_it_takes(
    base: str, policy: Policy, refusal: type[SyncError] | None
) -> None:
    target = replace(TABLE, columns=(*TABLE.columns[:2], there("houses", "few", base=base)))
    retyped = {**AT_SOURCE, "houses": "text"}

    if refusal is None:
        agreement = settle(known=retyped, target=target, policy=policy)
        assert agreement.columns[-1].type == "few"
        assert settle(target=target, policy="AddColumns").in_sync
        return
    with pytest.raises(refusal, match="houses was text and is number"):
        settle(known=retyped, target=target, policy=policy)


def test_the_type_that_the_manifest_wants_may_have_another_name_in_the_table() -> None:
    target = replace(TABLE, columns=(*TABLE.columns[:2], there("houses", "integer")))

    agreement = settle(
        known=None, target=target, chosen={"srnumber": "", "status": "", "houses": "int4"}
    )

    assert agreement.columns[-1].type == "integer"


@pytest.mark.parametrize(
    ("column", "refused"),
    [
        pytest.param(there("must", required=True), True, id="required and not given"),
        pytest.param(
            replace(there("must", required=True), has_default=True), False, id="with a default"
        ),
        pytest.param(there("may"), False, id="not required"),
        pytest.param(there("socrata_id", required=True), False, id="given by provenance"),
    ],
)
def test_a_column_that_must_not_be_null_needs_a_value(column: TargetColumn, refused: bool) -> None:
    target = replace(TABLE, columns=(*TABLE.columns, column))

    if not refused:
        assert settle(known=None, target=target).columns
        return
    with pytest.raises(TargetMismatch, match="must not be null"):
        settle(known=None, target=target)


def test_a_column_of_provenance_that_is_given_no_more_needs_none() -> None:
    target = replace(TABLE, columns=(*TABLE.columns, there("socrata_id", required=True)))

    with pytest.raises(TargetMismatch, match="socrata_id must not be null"):
        settle(known=None, target=target, provenance=False)


def test_a_key_of_provenance_columns_needs_provenance() -> None:
    keyed = replace(TABLE, unique_keys=(("socrata_id",),))

    assert settle(target=keyed, key=["socrata_id"]).in_sync
    with pytest.raises(InvalidSpec, match="no column socrata_id"):
        settle(target=keyed, key=["socrata_id"], provenance=False)


@pytest.mark.parametrize(
    ("known", "key", "error"),
    [
        pytest.param(None, ["casenumber"], InvalidSpec, id="the dataset was never loaded"),
        pytest.param(AT_SOURCE, ["casenumber"], InvalidSpec, id="it never had it"),
        pytest.param({"casenumber": "text"}, ["casenumber"], SchemaChanged, id="it had it"),
        pytest.param(
            {":@region_x": "number"}, ["region_x"], SchemaChanged, id="it had a field of that name"
        ),
        pytest.param(
            {"casenumber": "text"}, ["casenumber", "nope"], InvalidSpec, id="it had one of two"
        ),
    ],
)
def test_a_key_that_is_not_there_is_gone_only_if_it_was_there(
    known: Mapping[str, str] | None, key: Sequence[str], error: type[SyncError]
) -> None:
    with pytest.raises(error, match=f"no column {', '.join(key)}, the key of the target"):
        settle(known=known, key=key)


@pytest.mark.parametrize(
    "mapping", [{}, {"request": "srnumber"}], ids=["as its field", "by a name of the manifest"]
)
def test_a_key_that_is_a_label_gets_the_name_of_its_column(mapping: Mapping[str, str]) -> None:
    named = next(iter(mapping), "srnumber")

    with pytest.raises(InvalidSpec) as caught:
        settle(known=None, key=["case_id"], labels={"srnumber": "CaseID"}, mapping=mapping)

    near = f'Nearest to case_id: {named} (the portal shows it as "CaseID"). It has: '
    assert f"correct spec.target.key, or map it with datasets[].columns. {near}" in str(
        caught.value
    )
