"""The alerts: valid to Prometheus, and firing when they should and only then (``alerts_test.yaml``)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.chart.rendering import CHART, one, render
from tests.cluster import programs

HERE = Path(__file__).parent
RULES = CHART / "files" / "alerts.yaml"
SITUATIONS = HERE / "alerts_test.yaml"


def promtool(*arguments: str | Path) -> str:
    """What promtool printed; fails with it when promtool finds fault."""
    command = [programs.find("rules")["promtool"], *arguments]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def shipped() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return rules


def test_prometheus_accepts_the_rules() -> None:
    assert "14 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_prometheus_accepts_the_rules_as_the_chart_renders_them(tmp_path: Path) -> None:
    rule = one(render({"prometheusRule": {"enabled": True}}), "PrometheusRule")
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(yaml.safe_dump(rule["spec"]))

    assert "14 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", rendered)
    assert [r["expr"] for r in rule["spec"]["groups"][0]["rules"]] == [r["expr"] for r in shipped()]


def test_alerts_fire_and_stay_silent_as_the_situations_say() -> None:
    assert "SUCCESS" in promtool("test", "rules", SITUATIONS)


def test_of_a_suspended_sync_no_alert_speaks_but_one() -> None:
    silent = "unless on (namespace, name) max by (namespace, name) (socratasync_suspended) == 1"
    speak = {each["alert"] for each in shipped() if not each["expr"].strip().endswith(silent)}

    assert speak == {"SocrataSyncSuspendedTooLong", "SocrataSyncOperatorDown"}


def test_every_alert_has_a_situation_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for situation in yaml.safe_load(SITUATIONS.read_text())["tests"]:
        for case in situation.get("alert_rule_test", []):
            (fires if case["exp_alerts"] else silent).add(case["alertname"])

    assert fires == silent == {rule["alert"] for rule in shipped()}
