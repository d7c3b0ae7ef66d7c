"""Whom the notifier tells of what, and when: the cases of ``data/telling``, over a real store and simulated time.

A case says by whose clocks its times are, the settings, what happens at which moment (``at``) and what is heard
(``want``), ``for`` which cause if it is not the first. What is still held back at the end stands under ``held``, what
ended untold under ``never``.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML
from sqlalchemy import select

from monitor.alerting.causes import DEVELOPMENT, parted
from monitor.documents import parse_duration
from monitor.ports import SourceState
from monitor.settings import Alerts
from monitor.store import SqlStore, open_store
from monitor.store.schema import tellings
from tests.notifier import Simulation, a_report, a_silence, an_edition
from tests.samples import NOW, after, alert_settings, an_event, an_old_store

FOLDER = Path(__file__).parent / "data/telling"


def cases() -> Iterator[Any]:
    for file in sorted(FOLDER.glob("*.yaml")):
        document: Any = YAML(typ="safe", pure=True).load(file)
        for case in document:
            yield pytest.param(case, id=f"{file.stem}: {case['why']}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as opened:
        yield opened


class Play:
    """One case."""

    def __init__(self, case: dict[str, Any], store: SqlStore) -> None:
        self.case = case
        self.zone = ZoneInfo(case.get("zone", "UTC"))
        self.store = store
        self.simulation = Simulation(store, self.settings(case["alerts"]), tuple(case.get("sources", {})))
        self.begin = self.time(case["begin"])
        for name, state in case.get("sources", {}).items():
            store.remember(SourceState(id=name, state=state), [], self.begin)
        for span in ("asleep", "mail_down"):
            if span in case:
                setattr(self.simulation, span, tuple(self.time(one) for one in case[span]))
        for step in case["at"]:
            self.put(step)

    def time(self, text: str) -> datetime:
        """Read a moment by the case's clocks, or by its own offset."""
        at = datetime.fromisoformat(str(text))
        return at if at.tzinfo else at.replace(tzinfo=self.zone)

    def settings(self, written: dict[str, Any]) -> Alerts:
        return Alerts.model_validate(written)

    def put(self, step: dict[str, Any]) -> None:
        at = self.time(step["at"])
        for name, words in step.items():
            if name != "at":
                for each in words if isinstance(words, list) else [words]:
                    self.simulation.happens(at, lambda at, name=name, each=each: self.do(name, each, at))  # type: ignore[misc]

    def do(self, name: str, words: Any, at: datetime) -> None:  # noqa: ANN401 - as it stands in a file
        match name:
            case "report":
                self.simulation.record(a_report(at, words if isinstance(words, dict) else {"article": words}))
            case "edition":
                self.simulation.record_edition(an_edition(at, words))
            case "fault":
                self.simulation.record_event(an_event(at))
            case "recovery":
                self.simulation.record_event(an_event(at, cleared=True))
            case "silence":
                self.store.silence(a_silence(at, words, at + parse_duration(words["for"])))
            case "expire":
                assert self.store.expire(words, "omar", at)
            case "snooze":
                assert self.store.snooze(self.alert(words["article"]), at + parse_duration(words["for"]), at)
            case "reload":
                self.simulation.start(self.settings(words))
            case "restart":
                self.simulation.start()
            case _:
                raise AssertionError(name)

    def alert(self, article: str) -> str:
        firsts = {one.alert.matches[0].article.id: one.alert.id for one in self.store.alerts() if one.alert.matches}
        return firsts[article]

    def run(self) -> None:
        self.simulation.run(self.begin, self.time(self.case["end"]))

    def local(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def heard(self) -> list[dict[str, Any]]:
        found = []
        for one in self.simulation.heard:
            line: dict[str, Any] = {"at": self.local(one.at), "to": one.receiver, "tells": list(one.tells)}
            kind, _ = parted(one.cause)
            line |= {} if kind in {"first", "group", "digest"} else {"for": kind if kind == DEVELOPMENT else one.cause}
            found.append(line | ({"why": one.why} if one.why else {}))
        return found

    def kept(self, *, ended: bool) -> list[str]:
        """Say what was not told: article or rule, receiver, reason and until when."""
        names = {one.alert.id: one.alert for one in self.store.alerts()}
        rows = select(tellings).where(tellings.c.reason != "told").order_by(tellings.c.position)
        with self.store.database.reading() as connection:
            found = [row for row in connection.execute(rows) if (row.ended_at is not None) is ended]
        return [self._line(names[row.alert], row) for row in found]

    def _line(self, alert: Any, row: Any) -> str:  # noqa: ANN401 - rows
        what = alert.matches[0].article.id if alert.matches else alert.name
        return " ".join([what, row.receiver, row.reason, *([self.local(row.until)] if row.until else [])])


@pytest.mark.parametrize("case", [*cases()])
def test_case(case: dict[str, Any], store: SqlStore) -> None:
    play = Play(case, store)
    play.run()
    assert play.heard() == case["want"]
    assert play.kept(ended=False) == case.get("held", [])
    assert play.kept(ended=True) == case.get("never", [])
    for number, hidden in case.get("hid", {}).items():
        assert next(one.hidden for one in store.silences() if one.id == number) == hidden


# --- Much, and for long ----------------------------------------------------------------------------------------------


def test_a_thousand_matches_in_a_minute_are_a_few_messages_urgent_ones_first_and_none_is_lost(store: SqlStore) -> None:
    receivers = {"desk": {"terminal": True}}
    routes = [{"match": {"severity": "critical"}, "group_wait": "0s"}]
    route = {"receiver": "desk", "group_wait": "30s", "routes": routes}
    simulation = Simulation(store, Alerts.model_validate({"receivers": receivers, "route": route}))
    for number in range(1_000):
        at = after(seconds=number * 60 // 1_000)
        words = {"article": f"a{number}", "severity": "critical" if number == 500 else "medium"}
        simulation.happens(at, lambda at, words=words: simulation.record(a_report(at, words)))  # type: ignore[misc]
    simulation.run(NOW, after(minutes=5))
    told = [article for one in simulation.heard for article in one.tells]
    assert sorted(told) == sorted(f"a{number}" for number in range(1_000))
    assert len(simulation.heard) <= 4
    (alone,) = [one for one in simulation.heard if one.tells == ("a500",)]
    assert alone.at == after(seconds=30)


def test_mail_that_is_down_for_hours_comes_in_order_and_the_terminal_hears_everything_in_time(store: SqlStore) -> None:
    simulation = Simulation(store, alert_settings(), mail_down=(NOW, after(hours=5)))
    for number in range(40):
        at = after(minutes=7 * number)
        words = {"article": f"a{number}"}
        simulation.happens(at, lambda at, words=words: simulation.record(a_report(at, words)))  # type: ignore[misc]
    simulation.run(NOW, after(hours=6))
    heard = [(one.tells[0], one.at) for one in simulation.heard]
    in_time = heard[:40]
    assert in_time == [(f"a{number}", after(minutes=7 * number)) for number in range(40)]
    late = heard[40:]
    assert [article for article, _ in late] == [f"a{number}" for number in range(40)]
    assert after(hours=5) <= late[0][1] == late[-1][1] <= after(hours=5, minutes=10)


# --- Of before -------------------------------------------------------------------------------------------------------


def test_of_an_alert_that_an_older_monitor_opened_what_waits_is_told_and_nothing_is_taken_for_new(
    tmp_path: Path,
) -> None:
    an_old_store(tmp_path / "state.db", "0005")
    night = {"file": "/tmp", "quiet_hours": {"from": "08:00", "to": "12:00"}}  # noqa: S108 - nothing is written
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as store:
        simulation = Simulation(store, alert_settings(desk={"terminal": True}, night=night))
        for number, term in enumerate(("طرطوس", "حميميم", "اللاذقية"), 2):
            words = {"article": "a", "version": f"v{number}", "source": f"s{number}", "tier": 1, "watched": [term]}
            simulation.happens(after(minutes=number), lambda at, words=words: simulation.record(a_report(at, words)))  # type: ignore[misc]
        simulation.run(NOW, after(hours=6))
        assert [(one.receiver, one.cause, one.tells) for one in simulation.heard] == [("night", "first", ("a",))]
