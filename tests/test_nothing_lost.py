"""Whatever happens in whatever order: what is due to be told is told once, or it is on record why not."""

import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from monitor.model import Reason
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Decision
from monitor.settings import Alerts
from monitor.store import SqlStore, open_store
from monitor.store.schema import alerts, notifications, tellings, told
from tests.notifier import a_report, a_silence
from tests.samples import NOW, an_event

SETTINGS = Alerts.model_validate(
    {
        "receivers": {
            "plain": {"terminal": True},
            "quiet": {"file": "/quiet", "zone": "Africa/Cairo", "quiet_hours": {"from": "10:00", "to": "14:00"}},
            "rated": {"file": "/rated", "rate": {"most": 2, "per": "1h"}},
            "daily": {"file": "/daily", "digest": {"at": "0 */6 * * *", "empty": "true"}},
            "all": {
                "file": "/all",
                "zone": "Europe/Berlin",
                "rate": {"most": 1, "per": "2h"},
                "quiet_hours": [{"from": "12:00", "to": "16:00"}, {"from": "16:00", "to": "18:00", "days": "fri"}],
                "digest": {"at": "30 * * * *"},
            },
        },
        "route": {
            "receiver": ["plain", "quiet", "rated", "daily", "all"],
            "routes": [{"match": {"severity": "low"}, "group_wait": "20m"}],
        },
    }
)
AWAKE = SETTINGS.receivers["quiet"].model_copy(update={"quiet_hours": ()})
RELOADED = SETTINGS.model_copy(update={"receivers": {**SETTINGS.receivers, "quiet": AWAKE}})

moments = st.integers(0, 36 * 60)  # minutes
reports = st.fixed_dictionaries(
    {
        "do": st.just("report"),
        "article": st.sampled_from("abcdefgh"),
        "version": st.sampled_from(["v1", "v2"]),
        "severity": st.sampled_from(["low", "medium", "critical"]),
        "source": st.sampled_from(["agency", "rumours"]),
        "delay": st.sampled_from([0, 0, 0, 30, 200]),
        "status": st.sampled_from(["live", "live", "live", "shadow"]),
        "watched": st.sampled_from([(), ("a",), ("a", "b"), ("b", "c")]),
        "tier": st.sampled_from([None, None, 1]),
    }
)
deeds = st.one_of(
    reports,
    reports,
    st.fixed_dictionaries(
        {
            "do": st.just("silence"),
            "source": st.sampled_from(["agency", "rumours"]),
            "minutes": st.integers(1, 600),
        }
    ),
    st.fixed_dictionaries(
        {"do": st.just("snooze"), "article": st.sampled_from("abcdefgh"), "minutes": st.integers(1, 600)}
    ),
    st.fixed_dictionaries({"do": st.sampled_from(["fault", "recovery", "restart", "reload", "tick", "tick"])}),
)
happenings = st.lists(st.tuples(moments, deeds), max_size=16).map(lambda found: sorted(found, key=lambda one: one[0]))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the file of an empty store, to copy."""
    file = tmp_path_factory.mktemp("empty") / "state.db"
    open_store(f"sqlite:{file}").close()
    return file


class Days:
    """A notifier that is told what happens."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.alerts = SETTINGS
        self.start()

    def start(self) -> None:
        self.recorder, self.decider = Recorder(self.store, self.alerts), Decider(self.store, self.alerts)

    def do(self, now: datetime, words: dict[str, Any]) -> None:
        match words["do"]:
            case "report":
                at = now - timedelta(minutes=words["delay"])
                self.recorder.record(a_report(at, words), now)
            case "silence":
                self.store.silence(a_silence(now, {"source": words["source"]}, now + minutes(words)))
            case "snooze":
                for report in list(self.store.alerts()):
                    if report.alert.matches and report.alert.matches[0].article.id == words["article"]:
                        self.store.snooze(report.alert.id, now + minutes(words), now)
            case "fault" | "recovery":
                self.recorder.record_event(an_event(now, cleared=words["do"] == "recovery"), now)
            case "reload":
                self.alerts = RELOADED if self.alerts is SETTINGS else SETTINGS
                self.start()
            case "restart":
                self.start()
            case "tick":
                self.decider.tick(now)

    def rest(self, now: datetime) -> None:
        """Let time pass until nothing waits; digests of nothing come for ever."""
        for _ in range(300):
            due = self.decider.tick(now)
            if due is None or not self.store.waiting(now, everything=True).tellings:
                return
            assert due > now
            now = due
        raise AssertionError("something waits for ever")


def minutes(words: dict[str, Any]) -> timedelta:
    return timedelta(minutes=words["minutes"])


@settings(max_examples=30, deadline=None)
@given(happens=happenings)
def test_each_cause_is_told_to_each_receiver_once_or_it_is_said_why_not(
    happens: list[tuple[int, dict[str, Any]]], empty: Path
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copy(empty, Path(folder) / "state.db")
        with open_store(f"sqlite:{file}") as store:
            days = Days(store)
            for minute, words in happens:
                days.do(NOW + timedelta(minutes=minute), words)
            days.rest(NOW + timedelta(minutes=happens[-1][0] if happens else 0))
            told_of = told_by_receiver(store)
            with store.database.reading() as connection:
                rows = connection.execute(select(tellings)).all()
                opened = set(connection.scalars(select(alerts.c.id)))
            assert {row.alert for row in rows} == opened, "every alert is somebody's to hear"
            assert all(row.ended_at is not None for row in rows)
            assert {row.reason for row in rows} <= {Reason.TOLD, Reason.SILENCED, Reason.NO_ROUTE}
            heard = Counter((row.receiver, row.alert) for row in rows if row.reason == Reason.TOLD)
            assert told_of.keys() == heard.keys()
            assert all(told_of[one] <= causes for one, causes in heard.items()), "a message for each cause at most"


def told_by_receiver(store: SqlStore) -> Counter[tuple[str, str]]:
    """Count the messages that tell a receiver of an alert; each has one destination here."""
    pairs = select(notifications.c.receiver, told.c.alert).join(told, told.c.notification == notifications.c.id)
    with store.database.reading() as connection:
        return Counter((row.receiver, row.alert) for row in connection.execute(pairs))


@settings(max_examples=20, deadline=None)
@given(happens=happenings, looks=st.lists(moments, max_size=10))
def test_what_is_decided_is_decided_once(
    happens: list[tuple[int, dict[str, Any]]], looks: list[int], empty: Path
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = shutil.copy(empty, Path(folder) / "state.db")
        with open_store(f"sqlite:{file}") as store:
            days = Days(store)
            last = 0
            for minute, words in [*happens, *((look, {"do": "tick"}) for look in sorted(looks))]:
                last = max(last, minute)
                days.do(NOW + timedelta(minutes=last), words)
            days.decider.tick(NOW + timedelta(minutes=last))
            days.start()
            seen: list[Decision] = []
            decide = store.decide

            def listen(*given: Any, **named: Any) -> Decision:  # noqa: ANN401 - whatever it is given
                seen.append(decide(*given, **named))
                return seen[-1]

            store.decide = listen  # type: ignore[method-assign]
            days.decider.tick(NOW + timedelta(minutes=last))
            assert (seen[0].verdicts, seen[0].notifications) == ((), ())
