from __future__ import annotations

from decimal import Decimal

import pytest

from socratasync.api.job import no_request_above_its_limit, read_quantity


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("100m", Decimal("0.1")),
        ("2", Decimal(2)),
        (2, Decimal(2)),
        ("1.5", Decimal("1.5")),
        ("512Mi", Decimal(512 * 1024**2)),
        ("1Gi", Decimal(1024**3)),
        ("1G", Decimal(1000**3)),
        ("3k", Decimal(3000)),
        ("1Ei", Decimal(1024**6)),
    ],
)
def test_a_quantity_is_a_number(written: int | str, number: Decimal) -> None:
    assert read_quantity(written) == number


@pytest.mark.parametrize(
    ("requests", "limits", "fits"),
    [
        pytest.param({"memory": "128Mi"}, {"memory": "512Mi"}, True, id="below"),
        pytest.param({"memory": "1Gi"}, {"memory": "1024Mi"}, True, id="equal in other units"),
        pytest.param({"memory": "1G"}, {"memory": "900Mi"}, False, id="above"),
        pytest.param({"cpu": "1500m"}, {"cpu": 1}, False, id="above, in thousandths"),
        pytest.param({"cpu": "8"}, {"memory": "1Mi"}, True, id="no limit on what is asked for"),
    ],
)
def test_nothing_is_asked_for_above_its_limit(
    requests: dict[str, int | str], limits: dict[str, int | str], fits: bool
) -> None:
    assert no_request_above_its_limit(requests, limits) is fits
