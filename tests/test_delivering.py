"""Delivery over a real store: what is sent, tried again, given up and told about, each instant an argument."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting.routing import DELIVERY_FAILING
from monitor.errors import DeliveryError
from monitor.model import Event, Message, Notification
from monitor.notify.delivering import Deliverer, Outcome, back_off
from monitor.notify.recording import Decider, Recorder
from monitor.ports import Decision, Doubt, Owed, Store
from monitor.store import SqlStore, open_store
from tests.samples import NOW, a_match, a_message, after, alert_settings, an_old_store

DESK = alert_settings(desk={"email": {"to": ["desk@example.org"]}})
BOTH = alert_settings(desk={"terminal": True, "email": {"to": ["desk@example.org"]}})
ELSEWHERE = alert_settings(desk={"email": {"to": ["desk@example.org"]}}, other={"terminal": True})
ELSEWHERE = ELSEWHERE.model_copy(update={"route": DESK.route})
DOWN = DeliveryError("451 try again later")
REFUSED = DeliveryError("550 no such user", retryable=False)


@dataclass
class Scripted:
    """A channel that raises what it was given, one a message, and takes every message after that."""

    answers: list[Exception] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    receipt: str | None = None
    threads: list[str | None] = field(default_factory=list)

    def send(self, message: Message, destination: str, thread: str | None = None) -> str | None:
        if self.answers:
            raise self.answers.pop(0)
        self.threads.append(thread)
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
    assert claim.thread == "C1 1700000000.000100"


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
    assert claim.thread is None


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
    assert {event.state for event in desk.events} == {"raised"}


def test_what_is_given_up_when_is_a_setting(desk: Desk) -> None:
    desk.mail.answers = [DOWN] * 1_000
    deliverer = Deliverer(
        desk.store,
        {"email": desk.mail},
        a_message,
        desk.events.append,
        worker="one",
        jitter=lambda: 0.0,
        give_up=timedelta(minutes=1),
    )
    now = NOW
    while (attempt := deliverer.deliver_one(now)) and attempt.next_at:
        now = attempt.next_at
    assert now < after(minutes=1)
    assert states(desk.store) == [("failed", "451 try again later")]


def test_what_fails_for_ten_minutes_is_told_already_and_once_and_attempts_go_on(desk: Desk) -> None:
    desk.mail.answers = [DOWN] * 12
    recorder, now, told = Recorder(desk.store, ELSEWHERE), NOW, []
    while (attempt := desk.deliverer().deliver_one(now)) and attempt.next_at:
        told += [(event.state, now) for event in desk.events]
        for event in desk.events:
            recorder.record_event(event, now)
        desk.events.clear()
        now = attempt.next_at
    ((state, at),) = told
    assert state == "raised"
    assert after(minutes=10) <= at < after(minutes=20)
    assert [event.state for event in desk.events] == ["cleared"], "as soon as one arrives"


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
    assert [state for state, _ in states(desk.store)] == ["failed"]


def test_that_a_destination_fails_is_told_where_it_can_be_heard(store: SqlStore) -> None:
    Recorder(store, ELSEWHERE).record(a_match(), NOW)
    Decider(store, ELSEWHERE).tick(NOW)
    desk = Desk(store, mail=Scripted(answers=[REFUSED]))
    desk.deliverer().deliver_one(NOW)
    Recorder(store, ELSEWHERE).record_event(desk.events[0], NOW)
    Decider(store, ELSEWHERE).tick(NOW)
    while desk.deliverer().deliver_one(NOW):
        pass
    assert (len(desk.mail.taken), len(desk.screen.taken)) == (0, 1)


# --- Back again ------------------------------------------------------------------------------------------------------


def owe_many(store: Store, count: int) -> list[str]:
    """Owe a mail about each of several alerts; return the alerts, in order."""
    for number in range(count):
        Recorder(store, DESK).record(a_match(f"m{number}", title=f"{number}"), NOW)
        Decider(store, DESK).tick(NOW)
    return [report.alert.id for report in store.alerts()]


def test_what_waits_for_a_destination_is_sent_in_order_as_soon_as_one_message_arrives(store: SqlStore) -> None:
    owed = owe_many(store, 20)
    desk, now = Desk(store, mail=Scripted(answers=[DOWN] * 150)), NOW
    while not desk.mail.taken:
        attempt = desk.deliverer().deliver_one(now)
        now = now if attempt else store.backlog().next_due or now
    while desk.deliverer().deliver_one(now):
        pass
    first, *others = [text for text, _ in desk.mail.taken]
    assert others == [alert for alert in owed if alert != first], "the first is the one that met the server back"


# --- In doubt --------------------------------------------------------------------------------------------------------


@dataclass
class Searchable(Scripted):
    """A channel that can look for what it sent, and edit it; ``found`` is what it finds, or why it cannot."""

    found: str | DeliveryError | None = None
    looked: list[Doubt] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    refusals: list[DeliveryError] = field(default_factory=list)

    def find(self, message: Message, destination: str, doubt: Doubt, thread: str | None) -> str | None:  # noqa: ARG002 - a channel's
        self.looked.append(doubt)
        if isinstance(self.found, DeliveryError):
            raise self.found
        return self.found

    def update(self, message: Message, destination: str, receipt: str) -> None:  # noqa: ARG002 - a channel's
        if self.refusals:
            raise self.refusals.pop(0)
        self.updates.append(f"{message.text} at {receipt}")


LOST = DeliveryError("the answer was lost", doubtful=True)


def in_doubt(desk: Desk, **found: str | DeliveryError) -> Searchable:
    """Send what is owed, but nobody knows whether it arrived."""
    channel = Searchable(answers=[LOST], **found)  # type: ignore[arg-type]  # the keys are the fields'
    desk.mail = channel
    desk.deliverer().deliver_one(NOW)
    return channel


def test_what_arrived_unheard_is_found_and_not_sent_again(desk: Desk) -> None:
    channel = in_doubt(desk, found="C1 17")
    attempt = desk.deliverer().deliver_one(after(seconds=5))
    assert attempt is not None
    assert attempt.outcome is Outcome.SENT
    assert (channel.taken, channel.looked) == ([], [Doubt(since=NOW)])
    owe_again(desk.store, "desk@example.org")
    again = desk.store.claim("one", after(minutes=1), timedelta(minutes=2))
    assert again is not None
    assert again.thread == "C1 17", "it has the receipt of what was found"


def test_what_did_not_arrive_is_sent_again(desk: Desk) -> None:
    channel = in_doubt(desk)
    desk.deliverer().deliver_one(after(seconds=5))
    assert (len(channel.taken), len(channel.looked)) == (1, 1)


def test_where_nobody_can_look_it_is_sent_again_and_that_is_told_once(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = in_doubt(desk, found=DeliveryError("missing_scope: channels:history", retryable=False))
    channel.answers = [LOST, LOST]
    deliverer = desk.deliverer()
    for minute in range(1, 4):
        deliverer.deliver_one(after(minutes=minute))
    assert (len(channel.taken), len(channel.looked)) == (1, 3)
    assert capsys.readouterr().out.count("missing_scope: channels:history") == 1


def test_a_failure_that_is_certain_is_not_looked_into(desk: Desk) -> None:
    channel = Searchable(answers=[DOWN], found="C1 17")
    desk.mail = channel
    desk.deliverer().deliver_one(NOW)
    desk.deliverer().deliver_one(after(seconds=5))
    assert (len(channel.taken), channel.looked) == (1, [])


@pytest.mark.parametrize("given_back", [True, False], ids=["by a restart", "by time"])
def test_what_a_crash_left_in_somebody_s_hands_is_looked_for(desk: Desk, *, given_back: bool) -> None:
    assert desk.store.claim("the dead", NOW, timedelta(minutes=2))
    if given_back:
        desk.store.release_claims()
    desk.mail = channel = Searchable(found="C1 17")
    desk.deliverer().deliver_one(after(minutes=2))
    assert (channel.taken, channel.looked) == ([], [Doubt(since=NOW)])


# --- Put right -------------------------------------------------------------------------------------------------------


@pytest.fixture
def standing(desk: Desk) -> Desk:
    """Send what is owed; then a copy joins its alert."""
    desk.mail = Searchable(receipt="C1 17")
    desk.deliverer().deliver_one(NOW)
    Recorder(desk.store, DESK).record(a_match(version="v2"), NOW)
    return desk


def updates(desk: Desk) -> list[str]:
    assert isinstance(desk.mail, Searchable)
    return desk.mail.updates


def refresh(desk: Desk, now: datetime) -> bool:
    return desk.deliverer().refresh_one(now, "email")


def test_a_message_is_put_right_when_its_alert_changed_once_for_many_changes(standing: Desk) -> None:
    for number in range(5):
        Recorder(standing.store, DESK).record(a_match(version=f"w{number}"), after(seconds=number))
    assert not refresh(standing, after(seconds=29))
    assert refresh(standing, after(seconds=30))
    assert not refresh(standing, after(days=1))
    (report,) = standing.store.alerts()
    assert updates(standing) == [f"{report.alert.id} at C1 17"]


def test_what_changes_while_a_message_is_put_right_is_not_lost(standing: Desk) -> None:
    claimed = standing.store.claim_refresh("email", after(seconds=30), timedelta(minutes=2))
    assert claimed is not None
    assert len(claimed.notification.alerts[0].matches) == 2
    Recorder(standing.store, DESK).record(a_match(version="v3"), after(seconds=31))
    assert standing.store.settle_refresh(claimed, after(seconds=32))
    assert not refresh(standing, after(seconds=61))
    assert refresh(standing, after(seconds=62))


def test_what_cannot_be_put_right_now_is_tried_for_an_hour_and_tells_nobody(standing: Desk) -> None:
    assert isinstance(standing.mail, Searchable)
    standing.mail.refusals = [DOWN] * 99
    tried, now = [], NOW
    while now < after(hours=3):
        tried += [int((now - NOW).total_seconds())] * refresh(standing, now)
        now += timedelta(seconds=1)
    assert tried == [30, 60, 120, 240, 480, 960, 1920]
    assert (standing.events, len(standing.mail.taken), states(standing.store)) == ([], 1, [("sent", None)])


def test_what_can_no_longer_be_put_right_is_left_and_not_sent_anew(standing: Desk) -> None:
    assert isinstance(standing.mail, Searchable)
    standing.mail.refusals = [DeliveryError("message_not_found", retryable=False)]
    assert refresh(standing, after(seconds=30))
    assert not refresh(standing, after(days=1))
    assert (standing.events, len(standing.mail.taken)) == ([], 1)


def test_what_a_channel_cannot_edit_is_never_put_right(desk: Desk) -> None:
    desk.deliverer().deliver_one(NOW)
    Recorder(desk.store, DESK).record(a_match(version="v2"), NOW)
    assert not refresh(desk, after(days=1))


# --- Claims ----------------------------------------------------------------------------------------------------------


def test_a_result_that_comes_after_the_claim_went_to_another_is_lost_and_changes_nothing(desk: Desk) -> None:
    @dataclass
    class Slow:
        """A channel so slow that meanwhile another worker sends the same."""

        def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
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
