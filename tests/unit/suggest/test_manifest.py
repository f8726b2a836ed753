"""The manifest as text: whatever a portal says, it is read back as what was meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.manifest import read_manifest
from socratasync.pipeline.columns import Column, SourceColumn
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.catalogue import Owner
from socratasync.pipeline.source.description import Description
from socratasync.suggest.key import Key
from socratasync.suggest.manifest import WIDTH, write_manifest
from socratasync.suggest.sample import Sample
from socratasync.suggest.series import LeftOut, Shown, Sibling
from socratasync.suggest.survey import Keyed, Survey

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAILY = [date(2026, 11, 1) + timedelta(days=n) for n in range(30)]


def proposed(
    *,
    title: str = "Cases",
    label: str = "SRNumber",
    key: str | None = "srnumber",
    domain: str = "data.lacity.org",
    **changes: Any,
) -> Survey:
    fields = {"srnumber": "text", "opened": "calendar_date"}
    first = Shown(
        id="abcd-1234",
        name=title,
        columns=tuple(SourceColumn(field=f, type=t) for f, t in fields.items()),
        changed_at=NOW,
    )
    described = Description(
        metadata=Metadata(id=first.id, name=title, columns=first.columns, rows_updated_at=NOW),
        labels={"srnumber": label},
        texts={"srnumber": label},
        owner=Owner(id="ada1-0000", name=label),
    )
    columns = tuple(
        Column(name=c.field, field=c.field, source_type=c.canonical, type="text")
        for c in first.columns
    )
    survey = Survey(
        domain=domain,
        first=first,
        described=described,
        columns=columns,
        keyed=Keyed(key=Key(field=key, reasons=("Because.",)), rows=5, sample=Sample()),
        newest=first,
    )
    return replace(survey, **changes)


def test_computed_regions_are_offered_and_not_listed() -> None:
    found = proposed()
    regions = [SourceColumn(field=f":@computed_region_{n}", type="number") for n in "ab"]
    metadata = replace(found.described.metadata, columns=(*found.first.columns, *regions))
    with_regions = replace(found, described=replace(found.described, metadata=metadata))

    line = "# computedRegions: true  # loads 2 more, by which the portal tells areas apart\n"
    assert line in write_manifest(with_regions, NOW)
    assert "computedRegions" not in write_manifest(found, NOW)


def test_parts_of_a_sibling_are_mapped_as_those_of_the_first_are() -> None:
    place = [
        Column(
            name=f"place_{part}",
            field=f"place.{part}",
            source_type="number",
            type="double precision",
            whole_type="location",
        )
        for part in ("latitude", "longitude")
    ]
    site = Column(name="site", field="site.url", source_type="text", type="text", whole_type="url")
    found = proposed()
    found = replace(
        found,
        columns=(*found.columns, *place, site),
        siblings=(sibling(2019, place="at", site="link"),),
    )

    (mapped,) = [d["columns"] for d in written(found)["spec"]["datasets"] if "columns" in d]

    assert mapped == {
        "place_latitude": "at.latitude",
        "place_longitude": "at.longitude",
        "site": "link.url",
    }
    told = (
        "    # Where the database has PostGIS, a location is one column, and not its two numbers.\n"
    )
    assert told in write_manifest(found, NOW)
    assert told not in write_manifest(proposed(), NOW)


def sibling(year: int, **columns: str) -> Sibling:
    return Sibling(
        dataset=Shown(id=f"case-{year}", name=f"Cases {year}", columns=()), columns=columns
    )


def written(found: Survey) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(write_manifest(found, NOW))
    return document


def test_a_dataset_with_a_key() -> None:
    assert written(proposed(days=DAILY)) == {
        "apiVersion": "socratasync.dev/v1alpha1",
        "kind": "SocrataSync",
        "metadata": {"name": "cases"},
        "spec": {
            "domain": "data.lacity.org",
            "datasets": [{"id": "abcd-1234"}],
            "schedule": "0 7 * * *",
            "jitterSeconds": 900,
            "timeZone": "America/Los_Angeles",
            "source": {"timeZone": "America/Los_Angeles"},
            "target": {
                "dsnSecretRef": {"name": "cases-db"},
                "table": "cases",
                "key": ["srnumber"],
            },
            "freshness": {"maxLag": "1d12h", "sourceMaxAge": "4d"},
        },
    }


def test_without_a_key_rows_that_are_gone_are_deleted() -> None:
    spec = written(proposed(key=None))["spec"]

    assert spec["mode"] == "full"
    assert (spec["target"]["key"], spec["target"]["prune"]) == (["socrata_id"], True)


@pytest.mark.parametrize(
    ("key", "shares", "names"),
    [
        ("srnumber", False, ["srnumber"]),
        ("srnumber", True, ["socrata_dataset", "srnumber"]),
        ("srnumber", None, ["socrata_dataset", "srnumber"]),
        (None, None, ["socrata_dataset", "socrata_id"]),
    ],
)
def test_datasets_that_may_share_values_of_the_key_are_part_of_it(
    key: str | None, shares: bool | None, names: list[str]
) -> None:
    found = proposed(title="Cases 2018", key=key, siblings=(sibling(2019),), shares_keys=shares)

    assert written(found)["spec"]["target"]["key"] == names


def test_datasets_come_by_year_each_with_its_own_names_of_columns() -> None:
    siblings = (sibling(2020), sibling(2017, srnumber="casenumber"))

    assert written(proposed(title="Cases 2018", siblings=siblings))["spec"]["datasets"] == [
        {"id": "case-2017", "year": 2017, "columns": {"srnumber": "casenumber"}},
        {"id": "abcd-1234", "year": 2018},
        {"id": "case-2020", "year": 2020},
    ]


def test_what_is_left_out_is_named_with_the_reason_and_ready_to_be_taken_in() -> None:
    left = LeftOut(dataset=sibling(2019).dataset, why="it has no opened")
    text = write_manifest(proposed(title="Cases 2018", left_out=(left,) * 30), NOW)

    assert (
        "    # Left out: Cases 2019: it has no opened\n    # - {id: case-2019, year: 2019}\n"
        in text
    )
    assert "Left out: 10 more." in text


def test_an_unknown_city_is_asked_for() -> None:
    found = proposed(domain="data.example.org")

    assert not {"timeZone", "source"} & set(written(found)["spec"])
    assert "# timeZone: America/Los_Angeles  # of the schedule: which is" in write_manifest(
        found, NOW
    )
    assert "ask its publisher" in write_manifest(found, NOW)


def test_a_file_is_named_in_the_commands_that_come_next() -> None:
    text = write_manifest(proposed(), NOW, "my file.yaml")

    assert "#   socratasync run -f 'my file.yaml'\n#" in text
    assert "#   socratasync run -f cases.yaml\n#" in write_manifest(proposed(), NOW)


def test_what_is_not_known_is_said() -> None:
    assert "# Not known: size: why." in write_manifest(proposed(unknown=("size: why",)), NOW)


_ANY_TEXT = st.text(max_size=400) | st.sampled_from(
    ["\n- x: y", "]}", "# x", "'\"", "\u2028kind: Pod"]
)


@given(title=_ANY_TEXT, label=_ANY_TEXT)
def test_no_text_of_a_portal_changes_what_the_manifest_says(title: str, label: str) -> None:
    text = write_manifest(proposed(title=title, label=label), NOW)
    found = read_manifest(text)

    assert found.spec.target.key == ("srnumber",)
    assert [d.id for d in found.spec.datasets] == ["abcd-1234"]
    assert all(len(line) <= 2 * WIDTH for line in text.splitlines())


@given(
    st.text(
        st.characters(min_codepoint=32, exclude_characters='"', exclude_categories=["C"]),
        min_size=1,
        max_size=15,
    )
)
def test_every_name_of_a_column_is_read_back(name: str) -> None:
    column = Column(name=name, field="srnumber", source_type="text", type="text")

    assert read_manifest(write_manifest(proposed(columns=(column,)), NOW)).spec.target.key == (
        name,
    )


@pytest.mark.parametrize("name", ["no", "Yes", "null", "1950", "_1950", "key: x", "a b", "~", "-"])
def test_a_name_that_yaml_takes_for_something_else_is_in_quotes(name: str) -> None:
    column = Column(name=name, field="srnumber", source_type="text", type="text")

    assert written(proposed(columns=(column,)))["spec"]["target"]["key"] == [name]


def test_what_stands_there_as_a_comment_to_be_taken_in_is_valid() -> None:
    text = write_manifest(proposed(domain="data.example.org"), NOW)
    for comment in ("# timeZone", "# source: {app", "# sourceMaxAge"):
        assert comment in text
        text = text.replace(comment, comment.removeprefix("# "))
    spec = read_manifest(text).spec

    assert (spec.time_zone, bool(spec.source.app_token_secret_ref)) == ("America/Los_Angeles", True)
    assert read_manifest(text.replace("appTokenSecretRef", "credentialsSecretRef"))


def test_what_a_known_city_needs_to_be_read_stands_ready_below_its_time_zone() -> None:
    text = write_manifest(proposed(), NOW)
    for comment in ("# appTokenSecretRef", "# credentialsSecretRef"):
        assert comment in text
        text = text.replace(comment, comment.removeprefix("# "))
    source = read_manifest(text).spec.source

    assert source.time_zone == "America/Los_Angeles"
    assert source.app_token_secret_ref
    assert source.credentials_secret_ref


def test_the_zone_of_an_unknown_city_is_a_comment_to_be_taken_in() -> None:
    text = write_manifest(proposed(domain="data.example.org"), NOW)
    taken = text.replace("# source: {timeZone", "source: {timeZone")

    assert read_manifest(text).spec.source.time_zone is None
    assert read_manifest(taken).spec.source.time_zone == "America/Los_Angeles"
