"""What is due and what is held back until when: pure rules, each instant an argument."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor.alerting.deciding import State, decide
from monitor.model import Alert, Reason, Severity
from monitor.ports import (
    Decision,
    Owed,
    Telling,
    Waiting,
)
from tests.samples import NOW, a_match, after, alert_settings

# --- What is due -----------------------------------------------------------------------------------------------------

RECEIVERS = alert_settings(
    desk={"terminal": True, "email": {"to": ["desk@example.org"]}}, night={"email": {"to": ["night@example.org"]}}
).receivers
CLOSES = after(seconds=30)


def telling(number: int, alert: str, receiver: str = "desk", **changes: Any) -> Telling:  # noqa: ANN401 - the record's own fields
    kept = Alert(
        id=alert,
        kind="watchlist",
        name="Tartus",
        severity=Severity.HIGH,
        state="open",
        created=NOW,
        matches=(a_match(),),
    )
    plain = Telling(
        id=number, alert=kept, receiver=receiver, cause="first", key="watchlist watchlist=tartus", since=NOW, opened=NOW
    )
    return replace(plain, **changes)


def state(*tellings: Telling, windows_elapsed: bool = False, **waiting: Any) -> State:  # noqa: ANN401 - the record's own fields
    return State(waiting=Waiting(tellings=tellings, **waiting), receivers=RECEIVERS, windows_elapsed=windows_elapsed)


def verdicts(decision: Decision) -> list[tuple[str, Reason, datetime | None]]:
    return [(verdict.alert, verdict.reason, verdict.until) for verdict in decision.verdicts]


def test_an_alert_alone_is_told_as_itself_to_each_destination() -> None:
    decision = decide(state(telling(1, "a1")), NOW)
    assert [(owed.channel, owed.destination, owed.cause, owed.about) for owed in decision.notifications] == [
        ("terminal", "-", "first", "a1"),
        ("email", "desk@example.org", "first", "a1"),
    ]
    assert verdicts(decision) == [("a1", Reason.TOLD, None)]


def test_alerts_that_gathered_are_told_as_their_group() -> None:
    gathered = [telling(number, f"a{number}", "night", closes=CLOSES) for number in (1, 2)]
    (owed,) = decide(state(*gathered), CLOSES).notifications
    assert (owed.cause, owed.about, owed.alerts) == (f"group:{owed.about}", owed.about, ("a1", "a2"))


def test_a_group_of_two_receivers_with_one_address_is_one_message() -> None:
    receivers = alert_settings(
        one={"email": {"to": ["desk@example.org"]}}, two={"email": {"to": ["desk@example.org"]}}
    ).receivers
    gathered = [telling(number, f"a{number % 2}", "one" if number < 2 else "two", closes=CLOSES) for number in range(4)]
    decision = decide(replace(state(*gathered), receivers=receivers), CLOSES)
    assert [owed.receiver for owed in decision.notifications] == ["one", "two"]
    assert len({owed.id for owed in decision.notifications}) == 1


def test_causes_of_one_alert_that_are_due_together_are_one_message() -> None:
    decision = decide(state(telling(1, "a1", "night"), telling(2, "a1", "night", cause="growth:5")), NOW)
    assert [(owed.cause, owed.alerts) for owed in decision.notifications] == [("first", ("a1",))]
    assert [(verdict.cause, verdict.reason) for verdict in decision.verdicts] == [
        ("first", Reason.TOLD),
        ("growth:5", Reason.TOLD),
    ]
    assert len({verdict.message for verdict in decision.verdicts}) == 1


def test_what_gathers_is_held_back_until_its_window_closes_and_that_is_said_once() -> None:
    waits = telling(1, "a1", closes=CLOSES)
    decision = decide(state(waits), NOW)
    assert verdicts(decision) == [("a1", Reason.GROUP_WINDOW, CLOSES)]
    again = decide(state(replace(waits, held=Reason.GROUP_WINDOW, until=CLOSES)), after(seconds=9))
    assert (again.verdicts, again.notifications, again.next_due) == ((), (), CLOSES)


def test_windows_can_be_taken_as_elapsed() -> None:
    decision = decide(state(telling(1, "a1", closes=after(hours=1)), windows_elapsed=True), NOW)
    assert (verdicts(decision), decision.next_due) == ([("a1", Reason.TOLD, None)], None)


def test_a_receiver_that_is_gone_from_the_configuration_is_owed_nothing_and_the_verdict_says_so() -> None:
    decision = decide(state(telling(1, "a1", "former")), NOW)
    assert (decision.notifications, verdicts(decision)) == ((), [("a1", Reason.NO_ROUTE, None)])


def test_the_gravest_goes_first() -> None:
    low, grave = telling(1, "a1", "night"), telling(2, "a2", "night")
    low = replace(low, alert=replace(low.alert, severity=Severity.LOW))
    assert [owed.about for owed in decide(state(low, grave), NOW).notifications] == ["a2", "a1"]


def test_the_next_look_is_the_earliest_of_all_that_waits() -> None:
    waits = telling(1, "a1", closes=CLOSES)
    assert decide(state(waits, following=after(seconds=9)), NOW).next_due == after(seconds=9)
    assert decide(state(waits, following=after(hours=9)), NOW).next_due == CLOSES
    assert decide(state(), NOW).next_due is None


def test_a_notification_is_named_by_destination_cause_and_what_it_is_about() -> None:
    plain = Owed(
        receiver="desk", channel="email", destination="a@example.org", cause="first", about="a1", alerts=("a1",)
    )

    def owed(**changes: str) -> str:
        return replace(plain, **changes).id  # type: ignore[arg-type]  # the keys are the fields'

    assert owed() == owed(receiver="night"), "two receivers with one address are one message"
    distinct = [owed(), owed(channel="terminal"), owed(destination="b@example.org"), owed(cause="x"), owed(about="a2")]
    assert len(set(distinct)) == len(distinct)
