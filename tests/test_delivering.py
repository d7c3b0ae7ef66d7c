"""Delivery over a real store: what is sent, tried again, given up and told about, each instant an argument."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import DeliveryError
from monitor.model import Event, Message, Notification
from monitor.notify.delivering import DELIVERY_FAILING, Deliverer, Outcome, back_off
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Decision, Owed, Store
from monitor.store import SqlStore, open_store
from tests.samples import NOW, a_match, a_message, after, alert_settings, an_old_store

DESK = alert_settings(desk={"email": {"to": ["desk@example.org"]}})
BOTH = alert_settings(desk={"terminal": True, "email": {"to": ["desk@example.org"]}})
DOWN = DeliveryError("451 try again later")
REFUSED = DeliveryError("550 no such user", retryable=False)


@dataclass
class Scripted:
    """A channel that raises what it was given, one a message, and takes every message after that."""

    answers: list[Exception] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    receipt: str | None = None

    def send(self, message: Message, destination: str) -> str | None:
        if self.answers:
            raise self.answers.pop(0)
        self.taken.append((message.text, destination))
        return self.receipt


@dataclass
class Desk:
    """A store with what delivery needs around it."""

    store: Store
    mail: Scripted = field(default_factory=Scripted)
    screen: Scripted = field(default_factory=Scripted)
    events: list[Event] = field(default_factory=list)
    jitter: float = 0.0

    def deliverer(self, worker: str = "one") -> Deliverer:
        channels = {"email": self.mail, "terminal": self.screen}
        return Deliverer(self.store, channels, a_message, self.events.append, worker=worker, jitter=lambda: self.jitter)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path / 'state.db'}") as opened:
        yield opened


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    """Owe one mail about one alert."""
    Recorder(store, DESK).record(a_match(), NOW)
    Decider(store, DESK).tick(NOW)
    return Desk(store)


def states(store: Store) -> list[tuple[str, str | None]]:
    return [(told.state, told.error) for report in store.alerts() for told in report.told]


# --- Sent ------------------------------------------------------------------------------------------------------------


def test_what_is_owed_is_sent_once(desk: Desk) -> None:
    attempt = desk.deliverer().deliver_one(NOW)
    assert attempt is not None
    assert (attempt.outcome, attempt.error, attempt.next_at) == (Outcome.SENT, None, None)
    assert [destination for _, destination in desk.mail.taken] == ["desk@example.org"]
    assert desk.deliverer().deliver_one(after(days=1)) is None
    assert states(desk.store) == [("sent", None)]
    assert desk.events == []


def test_nothing_owed_is_nothing_tried(store: SqlStore) -> None:
    assert Desk(store).deliverer().deliver_one(NOW) is None


def test_no_transaction_is_open_while_a_message_is_rendered_and_sent(desk: Desk) -> None:
    def render(notification: Notification) -> Message:
        Recorder(desk.store, DESK).record(a_match("meanwhile"), NOW)
        return a_message(notification)

    deliverer = Deliverer(
        desk.store, {"email": desk.mail}, render, desk.events.append, worker="one", jitter=lambda: 0.0
    )
    assert deliverer.deliver_one(NOW)
    assert desk.store.standing() == 2


# --- Where it stands -------------------------------------------------------------------------------------------------


def owe_again(store: Store, destination: str) -> None:
    """Owe a second message about the one alert there is."""
    (report,) = store.alerts()
    alert = report.alert.id
    owed = Owed(
        receiver="desk", channel="email", destination=destination, cause="growth:5", about=alert, alerts=(alert,)
    )
    store.decide(lambda _: Decision(notifications=(owed,)), NOW)


def test_a_message_about_the_same_knows_where_the_one_before_stands(desk: Desk) -> None:
    desk.mail.receipt = "C1 1700000000.000100"
    desk.deliverer().deliver_one(NOW)
    owe_again(desk.store, "desk@example.org")
    claim = desk.store.claim("one", after(minutes=1), timedelta(minutes=2))
    assert claim is not None
    assert claim.earlier == "C1 1700000000.000100"


@pytest.mark.parametrize(
    ("receipt", "destination"),
    [
        pytest.param(None, "desk@example.org", id="the channel said nothing"),
        pytest.param("C1 1700000000.000100", "other@example.org", id="it stands elsewhere"),
    ],
)
def test_a_message_without_one_before_it_at_its_destination_stands_alone(
    desk: Desk, receipt: str | None, destination: str
) -> None:
    desk.mail.receipt = receipt
    desk.deliverer().deliver_one(NOW)
    owe_again(desk.store, destination)
    claim = desk.store.claim("one", after(minutes=1), timedelta(minutes=2))
    assert claim is not None
    assert claim.earlier is None


def test_a_store_from_before_receipts_goes_on_with_what_it_holds(tmp_path: Path) -> None:
    an_old_store(tmp_path / "old.db", "0001")
    with open_store(f"sqlite:{tmp_path / 'old.db'}") as store:
        attempt = Desk(store, mail=Scripted(receipt="C1 2")).deliverer().deliver_one(NOW)
        assert attempt is not None
        assert attempt.outcome is Outcome.SENT


# --- Tried again -----------------------------------------------------------------------------------------------------


def test_what_may_succeed_later_is_tried_again_after_longer_and_longer_waits(desk: Desk) -> None:
    desk.mail.answers = [DOWN] * 9
    now, waits = NOW, []
    for _ in range(9):
        attempt = desk.deliverer().deliver_one(now)
        assert attempt is not None
        assert attempt.outcome is Outcome.POSTPONED
        assert attempt.next_at is not None
        waits.append(int((attempt.next_at - now).total_seconds()))
        assert desk.deliverer().deliver_one(attempt.next_at - timedelta(microseconds=1)) is None, "not before it is due"
        now = attempt.next_at
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    sent = desk.deliverer().deliver_one(now)
    assert sent is not None
    assert sent.outcome is Outcome.SENT
    assert states(desk.store) == [("sent", None)], "an old error does not stay with what was sent"


def test_a_server_that_says_when_to_come_back_is_heard(desk: Desk) -> None:
    desk.mail.answers = [DeliveryError("429", retry_after=timedelta(seconds=30))]
    attempt = desk.deliverer().deliver_one(NOW)
    assert attempt is not None
    assert attempt.next_at == after(seconds=30)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        pytest.param(timedelta(seconds=-5), timedelta(seconds=1), id="a time in the past is a second"),
        pytest.param(timedelta(0), timedelta(seconds=1), id="at once is a second"),
        pytest.param(timedelta(seconds=90), timedelta(seconds=90), id="a sane wish is granted"),
        pytest.param(timedelta(seconds=10**9), timedelta(hours=1), id="thirty years are an hour"),
    ],
)
def test_a_server_s_wish_is_granted_within_reason(asked: timedelta, waited: timedelta) -> None:
    assert back_off(1, asked, 0.9) == waited


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_longer_than_ten_minutes_nor_shorter_than_half_of_five_seconds(
    attempts: int, jitter: float
) -> None:
    assert timedelta(seconds=2.5) <= back_off(attempts, None, jitter) <= timedelta(minutes=10)


def test_jitter_takes_off_up_to_half() -> None:
    assert back_off(3, None, 0.5) == timedelta(seconds=15)


def test_a_channel_that_is_down_does_not_hold_up_another(store: SqlStore) -> None:
    Recorder(store, BOTH).record(a_match(), NOW)
    Decider(store, BOTH).tick(NOW)
    desk = Desk(store, mail=Scripted(answers=[DOWN]))
    attempts = [desk.deliverer().deliver_one(NOW) for _ in range(2)]
    assert {attempt.outcome for attempt in attempts if attempt} == {Outcome.SENT, Outcome.POSTPONED}
    assert len(desk.screen.taken) == 1


# --- Given up --------------------------------------------------------------------------------------------------------


def test_what_cannot_succeed_fails_at_once_and_is_told_as_an_event(desk: Desk) -> None:
    desk.mail.answers = [REFUSED]
    attempt = desk.deliverer().deliver_one(NOW)
    assert attempt is not None
    assert (attempt.outcome, attempt.error) == (Outcome.FAILED, "550 no such user")
    assert states(desk.store) == [("failed", "550 no such user")]
    (event,) = desk.events
    assert (event.rule, event.subject, event.state) == (DELIVERY_FAILING, "email:desk@example.org", "raised")
    assert "550 no such user" in event.summary


def test_what_is_owed_for_a_day_is_given_up(desk: Desk) -> None:
    desk.mail.answers = [DOWN] * 1_000
    now = NOW
    while (attempt := desk.deliverer().deliver_one(now)) and attempt.next_at:
        now = attempt.next_at
    assert attempt is not None
    assert attempt.outcome is Outcome.FAILED
    assert after(hours=23, minutes=50) <= now < after(hours=24)
    assert states(desk.store) == [("failed", "451 try again later")]
    assert [event.state for event in desk.events] == ["raised"]


def test_what_a_person_has_sent_again_is_owed_for_another_day(desk: Desk) -> None:
    desk.mail.answers = [REFUSED, DOWN]
    desk.deliverer().deliver_one(NOW)
    desk.store.resend(after(days=3))
    attempt = desk.deliverer().deliver_one(after(days=3))
    assert attempt is not None
    assert (attempt.outcome, attempt.next_at) == (Outcome.POSTPONED, after(days=3, seconds=5))


def test_a_channel_that_is_no_longer_configured_is_a_failure_that_says_so(desk: Desk) -> None:
    deliverer = Deliverer(desk.store, {}, a_message, desk.events.append, worker="one", jitter=lambda: 0.0)
    attempt = deliverer.deliver_one(NOW)
    assert attempt is not None
    assert (attempt.outcome, attempt.error) == (Outcome.FAILED, "no channel 'email' is configured any more")


def test_recovery_of_a_destination_is_told_once_it_was_recorded_as_failing(desk: Desk) -> None:
    desk.mail.answers = [REFUSED]
    desk.deliverer().deliver_one(NOW)
    recorder = Recorder(desk.store, DESK)
    recorder.record_event(desk.events[0], NOW)
    desk.store.resend(after(minutes=1))
    desk.deliverer().deliver_one(after(minutes=1))
    assert [event.state for event in desk.events] == ["raised", "cleared"]
    recorder.record_event(desk.events[1], after(minutes=1))
    assert desk.store.standing() == 1, "only the watchlist's stands"
    recorder.record(a_match("a2"), after(minutes=2))
    Decider(desk.store, DESK).tick(after(minutes=2))
    while desk.deliverer().deliver_one(after(minutes=2)):
        pass
    assert len(desk.events) == 2, "what is well is not told"


def test_a_destination_that_fails_for_its_own_failure_s_alert_goes_round_only_once(desk: Desk) -> None:
    desk.mail.answers = [REFUSED] * 10
    recorder, decider = Recorder(desk.store, DESK), Decider(desk.store, DESK)
    for minute in range(5):
        while desk.deliverer().deliver_one(after(minutes=minute)):
            pass
        for event in desk.events:
            recorder.record_event(event, after(minutes=minute))
        decider.tick(after(minutes=minute))
    assert [state for state, _ in states(desk.store)] == ["failed", "failed"]


# --- Claims ----------------------------------------------------------------------------------------------------------


def test_a_result_that_comes_after_the_claim_went_to_another_is_lost_and_changes_nothing(desk: Desk) -> None:
    @dataclass
    class Slow:
        """A channel so slow that meanwhile another worker sends the same."""

        def send(self, message: Message, destination: str) -> None:
            other = desk.deliverer("other").deliver_one(after(minutes=5))
            assert other is not None
            assert other.notification.id == message.id
            raise DeliveryError(f"{destination} timed out")

    slow = Deliverer(desk.store, {"email": Slow()}, a_message, desk.events.append, worker="slow", jitter=lambda: 0.0)
    attempt = slow.deliver_one(NOW)
    assert attempt is not None
    assert attempt.outcome is Outcome.LOST
    assert attempt.next_at is None
    assert states(desk.store) == [("sent", None)]


def test_a_bug_in_a_channel_ends_the_worker_and_its_claim_runs_out(desk: Desk) -> None:
    desk.mail.answers = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        desk.deliverer().deliver_one(NOW)
    assert desk.deliverer().deliver_one(after(minutes=1)) is None
    attempt = desk.deliverer().deliver_one(after(minutes=2))
    assert attempt is not None
    assert attempt.outcome is Outcome.SENT
