"""The simulator as a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from socrata_simulator.__main__ import main
from socrata_simulator.process import running


def test_a_process_says_where_it_serves_and_ends_when_told_to(tmp_path: Path) -> None:
    export = tmp_path / "parks.csv"
    export.write_text("Name,Acres\nEcho,29\n")
    with running(
        "--dataset", "many-0001=synthetic:120:7",
        "--dataset", f"park-0001=export:{export}",
        "--dataset", "oddd-0001=oddities",
        "--tls-folder", str(tmp_path / "tls"),
        "--warm", "50", "--admin",
    ) as simulator:  # fmt: skip
        url = f"https://{simulator.domain}"
        found = requests.get(f"{url}/_simulator/", verify=simulator.ca_file, timeout=20).json()
        rows = requests.get(f"{url}/resource/park-0001.json", verify=simulator.ca_file, timeout=20)

    assert simulator.ca_file == str(tmp_path / "tls" / "ca.pem")
    assert found["datasets"]["many-0001"]["rows"] == 120
    assert set(found["datasets"]) == {"many-0001", "park-0001", "oddd-0001"}
    assert rows.json() == [{"name": "Echo", "acres": "29"}]
    assert simulator.returncode == 0


def test_a_process_can_begin_without_soda2_and_want_a_token_for_soda3() -> None:
    with running(
        "--dataset", "many-0001=synthetic:120:7", "--app-token", "token",
        "--soda2-gone", "--soda3", "WantsToken", "--warm", "50", "--warm-for", "SODA3",
    ) as simulator:  # fmt: skip

        def status(path: str, **headers: str) -> int:
            url = f"https://{simulator.domain}{path}"
            return requests.get(
                url, headers=headers, verify=simulator.ca_file, timeout=20
            ).status_code

        rows = "/api/v3/views/many-0001/query.csv"
        found = [status("/resource/many-0001.csv"), status(rows)]
        found.append(status(rows, **{"X-App-Token": "token"}))

    assert found == [410, 403, 200]


def test_a_process_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(RuntimeError, match="is not ID=synthetic:ROWS"),
        running("--dataset", "many-0001"),
    ):
        pass


def test_a_certificate_without_its_key_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--cert", "server.pem"])

    assert "--cert, --key and --ca go together" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "many-0001",
        "=synthetic:3",
        "many-0001=synthetic:x",
        "many-0001=export:/nowhere.csv",
        "a=b:c",
    ],
)
def test_a_dataset_that_cannot_be_made_is_a_usage_error(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--dataset", text])

    assert exit_.value.code == 2
    assert "error:" in capsys.readouterr().err
