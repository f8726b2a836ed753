"""Which alerts fire in days of a SocrataSync's life, and when: of all alerts, for each story, exactly those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.stories import GOOD, SCRAPE_EVERY, START, Ends, Story
from tests.chart.test_rules import RULES, promtool

FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'
EVER_FIRING = 'count by (alertname) (max_over_time(ALERTS{alertstate="firing"}'
FAILED_IN_A_DAY = 'round(sum(increase(socratasync_runs_total{result="Failed"}[1d])))'

SOURCE_AWAY, FORBIDDEN = Ends(code=75), Ends(code=77)


def minute(day: int, hour: int, minute: int = 0) -> int:
    """Since the story began."""
    return (day * 24 + hour) * 60 + minute


@dataclass
class Expected:
    """``ever``: alerts that fired at any time. ``at``: those that fire in that minute. ``failed``: failed runs that
    Prometheus counts in the day before that minute."""

    ever: set[str]
    at: dict[int, set[str]] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)


TOLD: dict[str, tuple[Callable[[], Story], Expected]] = {}


def story(
    ever: str = "", at: dict[int, str] | None = None, failed: dict[int, int] | None = None
) -> Callable[[Callable[[], Story]], Callable[[], Story]]:
    """A story and which alerts fire in it; their names without ``SocrataSync``."""

    def names(text: str) -> set[str]:
        return {f"SocrataSync{name}" for name in text.split()}

    def tell(told: Callable[[], Story]) -> Callable[[], Story]:
        expected = Expected(
            names(ever), {when: names(text) for when, text in (at or {}).items()}, failed or {}
        )
        TOLD[told.__name__] = told, expected
        return told

    return tell


@story()
def a_good_week_is_silent() -> Story:
    good = Story()
    good.until(day=3, hour=12)
    good.restart()
    good.until(day=7, hour=12)
    return good


@story()
def a_good_week_of_office_hours_is_silent_by_night_and_over_the_weekend() -> Story:
    good = Story(schedule="0 8-17 * * 1-5")
    good.until(day=7, hour=12)
    return good


@story(
    "Failed Stale NotReady",
    {
        minute(4, 8, 30): "Failed",
        minute(4, 9, 10): "Failed",
        minute(4, 9, 18): "Failed Stale",
        minute(4, 14, 20): "Failed NotReady Stale",
        minute(5, 10, 30): "",
    },
)
def a_bad_monday_after_office_hours_is_stale_from_its_second_slot_on() -> Story:
    told = Story(schedule="0 8-17 * * 1-5")
    told.until(day=4, hour=7)
    told.ends_from(lambda _: SOURCE_AWAY)
    told.until(day=4, hour=18)
    told.ends_from(lambda _: GOOD)
    told.until(day=5, hour=12)
    return told


@story(
    "Stalled NotReady Stale",
    {
        minute(1, 12, 10): "",
        minute(1, 12, 20): "Stalled",
        minute(1, 18, 10): "NotReady Stalled",
        minute(3, 7): "NotReady Stalled",
        minute(3, 7, 20): "NotReady Stale Stalled",
        minute(7, 11, 50): "NotReady Stale Stalled",
    },
)
def a_spec_that_turns_invalid_is_not_silent_for_six_days() -> Story:
    told = Story()
    told.until(day=1, hour=12)
    told.cluster.edit(domain="not a domain")
    told.until(day=2, hour=12)
    told.restart()
    told.until(day=7, hour=12)
    return told


@story(
    "Failed NotReady Stalled SuspendedTooLong",
    {
        minute(0, 11, 50): "Failed NotReady Stalled",
        minute(0, 12, 5): "",
        minute(3, 12): "",
        minute(7, 11, 50): "",
        minute(7, 12, 10): "SuspendedTooLong",
    },
)
def a_suspended_sync_is_silent_for_a_week_whatever_is_wrong_with_it() -> Story:
    wrong: dict[str, Any] = {
        "id": "rq3b-xjk8",
        "rows": {"target": 500},
        "sourceRows": 1000,
        "verified": False,
        "schemaInSync": False,
    }
    told = Story(ends=lambda _: Ends(code=77), freshness={"maxLag": "1h"})
    told.until(day=0, hour=12)
    told.cluster.edit(suspend=True)
    told.passes(minutes=5)
    told.cluster.body["status"]["datasets"] = [wrong]
    told.cluster.edit(domain="not a domain")
    told.until(day=7, hour=13)
    return told


@story(
    "Failed FailsOften",
    {
        minute(2, 3, 2): "",
        minute(3, 11): "FailsOften",
        minute(4, 2, 50): "FailsOften",
    },
    failed={minute(day, 12): 1 for day in (1, 2, 3, 4)},
)
def one_failure_a_night_is_seen_though_the_operator_starts_anew_each_noon() -> Story:
    def of_the_night(created: datetime) -> Ends:
        return Ends(code=1) if (created.hour, created.minute) == (3, 0) else GOOD

    told = Story(schedule="0 * * * *", ends=of_the_night)
    for day in range(5):
        told.until(day=day, hour=3, minute=2)
        told.stop()  # the run fails while no operator is there: it is counted before the first scrape
        told.until(day=day, hour=3, minute=6)
        told.restart()
        told.until(day=day, hour=12)
        told.restart()
    return told


@story(
    "RunStuck",
    {minute(1, 7, 4): "", minute(1, 7, 8): "RunStuck", minute(1, 7, 30): ""},
)
def a_pod_that_does_not_start_is_told_within_minutes() -> Story:
    told = Story()
    told.until(day=1, hour=6)
    told.cluster.starts_no_pod = True
    told.until(day=1, hour=7, minute=9)
    told.cluster.starts_no_pod = False
    told.until(day=1, hour=8)
    return told


@story(
    "RunStuck Failed NotReady",
    {
        minute(1, 7, 8): "RunStuck",
        minute(1, 7, 18): "Failed RunStuck",
        minute(1, 11, 6): "Failed RunStuck",
        minute(1, 14): "Failed NotReady RunStuck",
        minute(1, 15, 20): "",
    },
)
def pods_that_never_start_fail_one_after_the_other() -> Story:
    told = Story()
    told.until(day=1, hour=6)
    told.cluster.starts_no_pod = True
    told.until(day=1, hour=14, minute=2)
    told.cluster.starts_no_pod = False
    told.until(day=1, hour=16)
    return told


@story(
    "RunStuck NotReady",
    {minute(1, 7, 4): "", minute(1, 7, 10): "RunStuck", minute(1, 13, 10): "NotReady RunStuck"},
)
def a_job_that_the_cluster_refuses_is_told_within_minutes() -> Story:
    told = Story()
    told.until(day=1, hour=6)
    told.cluster.refuses_jobs = "exceeded quota"
    told.until(day=1, hour=14)
    return told


@story(
    "RunStuck NeverRan",
    {minute(0, 0, 59): "RunStuck", minute(0, 1, 5): "NeverRan RunStuck"},
)
def a_first_job_that_the_cluster_refuses() -> Story:
    told = Story()
    told.cluster.refuses_jobs = "exceeded quota"
    told.until(day=0, hour=2)
    return told


@story("RunningTooLong", {minute(0, 10, 58): "", minute(0, 11, 10): "RunningTooLong"})
def a_run_that_hangs() -> Story:
    told = Story(ends=lambda created: GOOD if created.hour == 0 else Ends(after=None))
    told.until(day=0, hour=12)
    return told


@story()
def runs_that_follow_each_other_all_day_are_none_that_hangs() -> Story:
    told = Story(ends=lambda _: Ends(after=11, report=GOOD.report), schedule="*/10 * * * *")
    told.until(day=0, hour=12)
    return told


@story("Stale", {minute(0, 2, 10): "", minute(0, 2, 20): "Stale", minute(0, 7, 10): ""})
def a_max_lag_that_is_over_is_stale_whatever_the_schedule() -> Story:
    told = Story(freshness={"maxLag": "2h"})
    told.until(day=0, hour=8)
    return told


def published(day_is_good: Callable[[int], bool]) -> Callable[[datetime], Ends]:
    """Good runs of a city that publishes at six on such days; a run says when it last did."""

    def ends(created: datetime) -> Ends:
        six = (created - START - timedelta(hours=6)).days
        newest = max((day for day in range(six + 1) if day_is_good(day)), default=-1)
        said = (START + timedelta(days=newest, hours=6)).isoformat()
        (dataset,) = GOOD.report["datasets"]
        return Ends(report={"datasets": [{**dataset, "sourceUpdatedAt": said}]})

    return ends


def is_weekday(day: int) -> bool:
    """The first day is a Thursday."""
    return (day + 3) % 7 < 5


@story()
def a_city_that_rests_over_the_weekend_is_not_frozen() -> Story:
    told = Story(freshness={"sourceMaxAge": "3d"}, ends=published(is_weekday))
    told.until(day=4, hour=12)
    return told


@story(
    "SourceFrozen",
    {
        minute(4, 7): "",
        minute(4, 7, 20): "SourceFrozen",
        minute(5, 7): "SourceFrozen",
        minute(5, 7, 20): "",
    },
)
def one_that_stops_on_friday_is_told_by_mondays_run_until_it_goes_on() -> Story:
    told = Story(
        freshness={"sourceMaxAge": "3d"}, ends=published(lambda day: day != 4 and is_weekday(day))
    )
    told.until(day=4, hour=12)
    told.restart()
    told.until(day=5, hour=12)
    return told


def announced(until: int) -> Callable[[datetime], Ends]:
    """Good runs to which the portal says, until that day, that what they read by ends."""
    (dataset,) = GOOD.report["datasets"]
    read = {**dataset, "api": "SODA2"}
    notice = {"interface": "SODA2", "text": "it ends", "date": "1971-06-01T00:00:00Z"}

    def ends(created: datetime) -> Ends:
        said = [notice] if (created - START).days < until else []
        return Ends(report={"datasets": [read], "notices": said})

    return ends


@story(
    "InterfaceDeprecated",
    {
        minute(0, 0, 5): "",
        minute(0, 0, 20): "InterfaceDeprecated",
        minute(2, 6, 50): "InterfaceDeprecated",
        minute(2, 7, 20): "",
    },
)
def an_end_that_is_announced_is_told_for_as_long_as_it_is() -> Story:
    told = Story(ends=announced(until=2))
    told.until(day=1, hour=12)
    told.restart()
    told.until(day=2, hour=12)
    return told


@story("Failed NotReady Stale", {minute(4, 12): "Failed NotReady Stale"})
def a_source_that_does_not_answer_is_stale_and_nobody_says_that_it_is_frozen() -> Story:
    told = Story(freshness={"sourceMaxAge": "2d"}, ends=published(is_weekday))
    told.until(day=1, hour=12)
    told.ends_from(lambda _: SOURCE_AWAY)
    told.until(day=4, hour=12)
    return told


@story("Stale", {minute(2, 6, 50): "", minute(2, 7, 20): "Stale"})
def slots_that_nobody_runs_are_stale_once_two_have_passed() -> Story:
    told = Story(startingDeadlineSeconds=60)
    told.until(day=0, hour=8)
    for day in (1, 2):
        told.until(day=day, hour=6, minute=58)
        told.stop()
        told.passes(minutes=5)
        told.restart()
    told.until(day=2, hour=8)
    return told


@story("OperatorDown", {minute(0, 8): "", minute(0, 8, 28): "OperatorDown", minute(0, 12): ""})
def an_api_that_is_away_is_an_operator_that_is_down() -> Story:
    told = Story()
    told.until(day=0, hour=8)
    told.cluster.is_away = True
    told.until(day=0, hour=10)
    told.cluster.is_away = False
    told.until(day=0, hour=13)
    return told


@story("OperatorDown", {minute(0, 0, 24): "", minute(0, 0, 30): "OperatorDown"})
def an_operator_that_waits_for_the_definition_for_ever_is_down() -> Story:
    told = Story()  # in 1970 "never" is a quarter of an hour ago only after a quarter of an hour
    told.restart(waits_for_crd=True)
    told.until(day=0, hour=1)
    return told


@story("OperatorDown", {minute(0, 9, 3): "", minute(0, 9, 20): "OperatorDown"})
def no_operator_is_one_that_is_down() -> Story:
    told = Story()
    told.until(day=0, hour=9)
    told.stop()
    told.until(day=0, hour=10)
    return told


@pytest.mark.parametrize("name", TOLD)
def test_these_alerts_fire_and_no_others(name: str, tmp_path: Path) -> None:
    told, expected = TOLD[name]
    happened = told()
    end = happened.minutes - 1
    cases = [
        _case(f"{EVER_FIRING}[{end + 1}m])) > bool 0", end, expected.ever),
        *(_case(FIRING, when, alerts) for when, alerts in expected.at.items()),
        *(_number(FAILED_IN_A_DAY, when, count) for when, count in expected.failed.items()),
    ]
    situation = {
        "interval": f"{SCRAPE_EVERY}m",
        "input_series": happened.input_series(),
        "promql_expr_test": cases,
    }
    file = tmp_path / "story.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "5m" if end > minute(2, 12) else "2m",
                "tests": [situation],
            },
            width=10**9,
        )
    )

    assert "SUCCESS" in promtool("test", "rules", file)


def _case(expression: str, when: int, alerts: set[str]) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)]
    return {"expr": expression, "eval_time": f"{when}m", "exp_samples": samples}


def _number(expression: str, when: int, number: int) -> dict[str, Any]:
    samples = [{"labels": "{}", "value": number}]
    return {"expr": expression, "eval_time": f"{when}m", "exp_samples": samples}


def test_every_alert_of_a_sync_or_the_operator_fires_in_a_story() -> None:
    told = {alert for _, expected in TOLD.values() for alert in expected.ever}
    shipped = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}

    assert shipped - told == {"SocrataSyncRowDrift", "SocrataSyncSchemaChanged"}
