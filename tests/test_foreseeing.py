"""What `alerts route` says in advance is what happens: the same rules, the same settings, the same time."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alerting.foreseeing import foresee
from monitor.alerting.routing import DELIVERY_FAILING
from monitor.model import Match, Matcher, Reason, Severity, Status
from monitor.ports import Silence
from monitor.settings import Alerts
from monitor.store import open_store
from tests.notifier import Simulation, a_report
from tests.samples import NOW, after, an_event

ALERTS = Alerts.model_validate(
    {
        "receivers": {
            "quiet": {
                "terminal": True,
                "zone": "Asia/Beirut",
                "quiet_hours": [{"from": "23:00", "to": "07:00"}, {"from": "07:00", "to": "12:00", "days": "sat"}],
            },
            "daily": {"file": "/daily", "zone": "Europe/Berlin", "digest": {"at": "0 8 * * *"}},
            "here": {"file": "/here"},
        },
        "route": {
            "receiver": "here",
            "routes": [
                {"match": {"lang": "ar"}, "receiver": ["quiet", "daily"], "group_wait": "20m", "continue": "true"},
                {"match": {"severity": "critical"}, "receiver": "here"},
            ],
        },
    }
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "state.db"
    open_store(f"sqlite:{file}").close()
    return file


@settings(max_examples=25, deadline=None)
@given(
    at=st.datetimes(datetime(2026, 3, 20), datetime(2026, 11, 20)).map(lambda at: at.replace(tzinfo=NOW.tzinfo)),  # noqa: DTZ001 - zoned behind
    severity=st.sampled_from(["low", "critical"]),
    lang=st.sampled_from(["ar", "en"]),
)
def test_whoever_is_foreseen_to_be_told_is_told_then(at: datetime, severity: str, lang: str, empty: Path) -> None:
    report = a_report(at, {"article": "a", "severity": severity, "lang": lang})
    _, foreseen = foresee(report, ALERTS, [], {}, at)
    copy = shutil.copy(empty, empty.with_name("copy.db"))
    for left in empty.parent.glob("copy.db-*"):
        left.unlink()
    with open_store(f"sqlite:{copy}") as store:
        simulation = Simulation(store, ALERTS)
        simulation.happens(at, lambda _: simulation.record(report))
        simulation.run(at, at + timedelta(days=3))
    heard = sorted((one.receiver, one.at) for one in simulation.heard)
    assert heard == sorted((one.routed.receiver, one.at) for one in foreseen if one.reason is Reason.TOLD)


def seen(report: Match, *silences: Silence, **messages: tuple[datetime, ...]) -> list[tuple[str, Reason, datetime]]:
    _, foreseen = foresee(report, RATED, silences, messages, NOW)
    return [(one.routed.receiver, one.reason, one.at) for one in foreseen]


RATED = Alerts.model_validate(
    {"receivers": {"desk": {"terminal": True, "rate": {"most": 1, "per": "1h"}}}, "route": {"receiver": "desk"}}
)
REPORT = a_report(NOW, {"article": "a"})


def test_what_was_sent_lately_counts() -> None:
    assert seen(REPORT) == [("desk", Reason.TOLD, NOW)]
    assert seen(REPORT, desk=(after(minutes=-10),)) == [("desk", Reason.TOLD, after(minutes=50))]


def test_a_silence_that_stands_then_counts() -> None:
    silence = Silence(
        id=3, matcher=Matcher(watchlist=("tartus",)), author="", comment="", created=NOW, expires=after(hours=1)
    )
    assert seen(REPORT, silence) == [("desk", Reason.SILENCED, NOW)]
    assert seen(a_report(NOW, {"article": "a", "watchlist": "other"}), silence) == [("desk", Reason.TOLD, NOW)]


def test_a_shadow_watchlist_tells_nobody_and_that_is_said() -> None:
    shadow = a_report(NOW, {"article": "a", "status": Status.SHADOW})
    assert foresee(shadow, RATED, [], {}, NOW) == (Reason.SHADOW, ())


def test_faults_of_monitor_itself_are_foreseen_likewise() -> None:
    reason, (one,) = foresee(an_event(NOW, severity=Severity.LOW), RATED, [], {"desk": (NOW,)}, NOW)
    assert (reason, one.holds, one.at) == (Reason.TOLD, ((Reason.RATE, after(hours=1)),), after(hours=1))


def test_that_a_destination_fails_is_foreseen_to_be_told_elsewhere() -> None:
    event = replace(an_event(NOW), rule=DELIVERY_FAILING, subject="file:/here")
    _, foreseen = foresee(event, ALERTS, [], {}, NOW)
    assert [one.routed.receiver for one in foreseen] == ["quiet"]
