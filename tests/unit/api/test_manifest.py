from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from socratasync.api.manifest import read_manifest
from socratasync.errors import InvalidSpec

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"

MANIFEST = """\
apiVersion: socratasync.dev/v1alpha1
kind: SocrataSync
metadata: {name: la-311, namespace: data}
spec:
  domain: data.lacity.org
  datasets:
    - {year: 2019, id: pvft-t768}
  target:
    dsnSecretRef: {name: la-311-db}
    table: requests
    key: [srnumber]
"""

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: la-311-db}
stringData: {dsn: "postgresql://example"}
"""


def refusal(text: str) -> str:
    """The message with which a manifest is refused."""
    with pytest.raises(InvalidSpec) as refused:
        read_manifest(text)
    return refused.value.message


def test_name_namespace_and_spec_are_read() -> None:
    manifest = read_manifest(MANIFEST)

    assert (manifest.name, manifest.namespace) == ("la-311", "data")
    assert manifest.spec.domain == "data.lacity.org"


def test_the_namespace_is_default_when_none_is_named() -> None:
    assert read_manifest(MANIFEST.replace(", namespace: data", "")).namespace == "default"


def test_a_secret_in_the_same_file_is_passed_over() -> None:
    assert read_manifest(f"{SECRET}---\n{MANIFEST}---\n").name == "la-311"


def test_json_is_read_too() -> None:
    import json

    assert read_manifest(json.dumps(yaml.safe_load(MANIFEST))).name == "la-311"


def test_a_moment_without_quotes_is_read() -> None:
    manifest = read_manifest(MANIFEST + "  since: 2024-01-01T00:00:00Z\n")

    assert manifest.spec.since
    assert manifest.spec.since.isoformat() == "2024-01-01T00:00:00+00:00"


def test_on_without_quotes_is_read() -> None:
    manifest = read_manifest(
        MANIFEST + "  notify:\n  - slack: {secretRef: {name: slack}}\n    on: [Success]\n"
    )

    assert [channel.on for channel in manifest.spec.notify] == [("Success",)]


def test_a_status_that_came_along_with_kubectl_get_is_no_problem() -> None:
    assert read_manifest(MANIFEST + "status: {phase: Synced}\n").name == "la-311"


def test_what_api_server_fills_in_is_no_problem() -> None:
    text = MANIFEST.replace("{name: la-311,", "{name: la-311, uid: 8ae64b41, generation: 3,")

    assert read_manifest(text).name == "la-311"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the file is empty", id="an empty file"),
        pytest.param("# only a comment\n", "the file is empty", id="only a comment"),
        pytest.param("just words", "the file must be a mapping", id="text that is no mapping"),
        pytest.param("- a\n- b\n", "the file must be a mapping", id="a list"),
        pytest.param("a: [1\nb: 2\n", "line 2, column 2: is not YAML: ", id="a bracket left open"),
        pytest.param("a:\n\tb: 1\n", "line 2, column 1: is not YAML: ", id="a tab"),
        pytest.param("a: \x00", "the file is not YAML: ", id="a character that YAML forbids"),
        pytest.param(
            MANIFEST + "  domain: data.example.org\n",
            "line 12, column 3: is not YAML: domain stands twice in one mapping",
            id="a field twice",
        ),
        pytest.param("a: !!python/object:os.system {}", "is not YAML: ", id="a tag that runs code"),
        pytest.param("? [a, b]\n: c\n", "a name must be plain text", id="a list as a name"),
        pytest.param(
            SECRET + "---\n" + SECRET,
            "the file holds no SocrataSync, only: Secret, Secret",
            id="secrets",
        ),
        pytest.param(
            MANIFEST + "---\n" + MANIFEST.replace("la-311,", "la-312,"),
            "the file holds 2 SocrataSyncs (la-311, la-312); give one at a time",
            id="two at once",
        ),
        pytest.param(SECRET, 'kind: must be SocrataSync, not "Secret"', id="another kind"),
        pytest.param(
            MANIFEST.replace("v1alpha1", "v1"),
            'apiVersion: must be socratasync.dev/v1alpha1, not "socratasync.dev/v1"',
            id="another version",
        ),
        pytest.param(
            MANIFEST.replace("apiVersion:", "apiversion:"),
            "apiversion: is not a field; did you mean apiVersion?",
            id="a top field in the wrong case",
        ),
        pytest.param(
            MANIFEST + "schedule: '@daily'\n",
            "schedule: is not a field; everything to say goes under spec",
            id="a field beside spec",
        ),
        pytest.param(
            MANIFEST.replace("{name: la-311, namespace: data}", "{}"),
            "metadata.name: is missing; write it",
            id="no name",
        ),
        pytest.param(
            MANIFEST.replace("name: la-311,", "name: LA_311,"),
            "metadata.name: must be lower-case letters, digits and -, such as la-311",
            id="a name in capitals",
        ),
        pytest.param(
            MANIFEST.split("spec:")[0],
            "spec: is missing; write domain, datasets and target under it",
            id="no spec",
        ),
        pytest.param(
            MANIFEST.split("spec:")[0] + "spec: []\n",
            "spec: must be a mapping",
            id="a list as spec",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_problems_of_head_and_spec_are_told_together() -> None:
    lines = refusal(MANIFEST.replace("v1alpha1", "v2").replace("pvft-t768", "pvft")).splitlines()

    assert [line.split(":")[0] for line in lines] == ["apiVersion", "spec.datasets[0].id"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_read(path: Path) -> None:
    assert read_manifest(path.read_text(encoding="utf-8")).spec.selected_datasets()


def test_there_are_the_examples_that_the_documents_name() -> None:
    assert {"minimal", "la-311", "nyc-311", "full-options"} <= {
        p.stem for p in EXAMPLES.glob("*.yaml")
    }
