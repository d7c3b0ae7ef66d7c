"""What a match, an event and a due group come to: pure rules, each instant an argument."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.alerting.deciding import State, came_up, decide, judge_event, judge_match
from monitor.model import Alert, Event, Match, Matcher, Reason, Severity, Status
from monitor.ports import (
    Decision,
    EventRuling,
    LastAlert,
    Owed,
    Routed,
    Ruling,
    Silence,
    Story,
    Telling,
    Waiting,
)
from monitor.settings import Route
from tests.samples import NOW, a_match, after, alert_settings, an_event, watchlist

TREE = Route.model_validate({"receiver": "desk", "routes": [{"match": {"severity": "low"}, "group_wait": "30s"}]})
EARLIER, LATER = after(seconds=-1), after(seconds=1)
SHADOW = watchlist(status=Status.SHADOW)
SILENCE = Silence(id=7, matcher=Matcher(watchlist=("tartus",)), author="layla", comment="", created=NOW, expires=LATER)
NEW, TOLD = Story(id="s1"), Story(id="s1", alert="told-before")
SILENCED = replace(NEW, silences=(SILENCE,))
SNOOZED = replace(TOLD, snoozed_until=LATER)


# --- Matches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "story", "reason"),
    [
        pytest.param(a_match(), NEW, Reason.TOLD, id="the first report of a story is told"),
        pytest.param(a_match(version="v2"), TOLD, Reason.COPY, id="a story is told once"),
        pytest.param(
            a_match(held=Reason.BASELINE), NEW, Reason.BASELINE, id="back issues of a new source are not told"
        ),
        pytest.param(a_match(held=Reason.OLD), NEW, Reason.OLD, id="what is older than max_age is not told"),
        pytest.param(a_match(on=SHADOW), NEW, Reason.SHADOW, id="a shadow watchlist tells nobody"),
        pytest.param(a_match(), SILENCED, Reason.SILENCED, id="what a silence is about is not told"),
        pytest.param(a_match(on=watchlist("hmeimim")), SILENCED, Reason.TOLD, id="another watchlist is told"),
        pytest.param(a_match(version="v2"), SNOOZED, Reason.SNOOZED, id="a snoozed alert is left alone"),
        pytest.param(a_match(held=Reason.OLD), SILENCED, Reason.OLD, id="old comes before silenced"),
        pytest.param(a_match(), replace(SNOOZED, silences=(SILENCE,)), Reason.SILENCED, id="before snoozed"),
        pytest.param(a_match(on=SHADOW), SILENCED, Reason.SILENCED, id="silenced comes before shadow"),
        pytest.param(a_match(on=SHADOW), SNOOZED, Reason.SNOOZED, id="snoozed comes before shadow"),
        pytest.param(a_match(on=SHADOW, held=Reason.OLD), NEW, Reason.OLD, id="old comes before shadow"),
        pytest.param(a_match(on=SHADOW), TOLD, Reason.SHADOW, id="shadow comes before copy"),
        pytest.param(a_match(held=Reason.BASELINE), TOLD, Reason.BASELINE, id="baseline comes before copy"),
    ],
)
def test_a_match_is_held_back_for_the_first_reason_in_the_one_order(match: Match, story: Story, reason: Reason) -> None:
    assert judge_match(match, story, TREE, NOW).reason is reason


def test_a_told_match_opens_an_alert_for_the_receivers_of_its_route() -> None:
    ruling = judge_match(a_match(on=watchlist(severity=Severity.LOW)), NEW, TREE, NOW)
    assert ruling.routed == (Routed("desk", timedelta(seconds=30), "watchlist watchlist=tartus", (0,)),)
    assert ruling.alert
    assert ruling.alert != "told-before"


def test_a_copy_joins_the_alert_of_its_story_and_tells_nobody_again() -> None:
    assert judge_match(a_match(), TOLD, TREE, NOW) == Ruling(reason=Reason.COPY, alert="told-before", since=NOW)


def test_a_match_that_is_held_back_has_no_alert() -> None:
    assert judge_match(a_match(held=Reason.OLD), TOLD, TREE, NOW) == Ruling(reason=Reason.OLD)


def test_a_match_that_no_route_takes_still_opens_an_alert_and_says_why_nobody_was_told() -> None:
    ruling = judge_match(a_match(), NEW, Route(), NOW)
    assert (ruling.reason, ruling.routed, bool(ruling.alert)) == (Reason.NO_ROUTE, (), True)


# --- Events ----------------------------------------------------------------------------------------------------------

OPEN = LastAlert(id="o1", state="open", changed=NOW)
ACKED = LastAlert(id="o1", state="acked", changed=NOW)
CLOSED = LastAlert(id="o1", state="closed", changed=NOW)


@pytest.mark.parametrize(
    ("event", "last", "state"),
    [
        pytest.param(an_event(NOW), None, "open", id="the first one opens"),
        pytest.param(an_event(LATER), OPEN, None, id="a fault that stands is not told again"),
        pytest.param(an_event(LATER), ACKED, None, id="nor is one that somebody has taken on"),
        pytest.param(an_event(LATER), CLOSED, "open", id="a fault that comes back opens anew"),
        pytest.param(an_event(NOW), CLOSED, None, id="an event heard before opens nothing"),
        pytest.param(an_event(EARLIER), CLOSED, None, id="a raise from before the recovery is a repeat"),
        pytest.param(an_event(LATER, cleared=True), OPEN, "closed", id="recovery closes"),
        pytest.param(an_event(NOW, cleared=True), OPEN, "closed", id="also at the same instant"),
        pytest.param(an_event(LATER, cleared=True), ACKED, "closed", id="recovery closes an acked one"),
        pytest.param(an_event(EARLIER, cleared=True), OPEN, None, id="an older recovery does not close a newer fault"),
        pytest.param(an_event(LATER, cleared=True), CLOSED, None, id="what is closed stays closed"),
        pytest.param(an_event(NOW, cleared=True), None, None, id="recovery of what never failed is nothing"),
    ],
)
def test_an_event_changes_its_alert(event: Event, last: LastAlert | None, state: str | None) -> None:
    ruling = judge_event(event, last, TREE, RECEIVERS, NOW)
    assert (ruling and ruling.state) == state


def test_a_raised_event_is_routed_and_a_cleared_one_tells_nobody() -> None:
    raised = judge_event(an_event(NOW, severity=Severity.LOW), None, TREE, RECEIVERS, NOW)
    assert raised is not None
    assert raised.routed == (Routed("desk", timedelta(seconds=30), "operations watchlist=source failing", (0,)),)
    cleared = judge_event(an_event(LATER, cleared=True), OPEN, TREE, RECEIVERS, NOW)
    assert cleared == EventRuling(alert="o1", state="closed")


# --- Silences --------------------------------------------------------------------------------------------------------


def test_what_a_silence_hides_opens_an_alert_that_waits_to_be_decided() -> None:
    ruling = judge_match(a_match(), SILENCED, TREE, NOW)
    assert (ruling.silence, bool(ruling.alert), [one.receiver for one in ruling.routed]) == (7, True, ["desk"])


HIDDEN = replace(TOLD, hidden={"desk": SILENCE})


@pytest.mark.parametrize(
    ("match", "reason", "told"),
    [
        pytest.param(a_match(version="v2"), Reason.COPY, (), id="more of what it was about stays hidden"),
        pytest.param(a_match(on=watchlist("other")), Reason.TOLD, ("desk",), id="what it was not about is told"),
    ],
)
def test_a_story_that_a_silence_hid_is_told_when_something_else_is_reported_of_it(
    match: Match, reason: Reason, told: tuple[str, ...]
) -> None:
    ruling = judge_match(match, HIDDEN, TREE, after(days=1))
    assert (ruling.reason, ruling.alert) == (reason, "told-before")
    assert tuple(one.receiver for one in ruling.routed) == told


# --- Late ------------------------------------------------------------------------------------------------------------


def test_what_comes_more_than_an_hour_late_gathers_with_all_that_does() -> None:
    (punctual,) = judge_match(a_match(), NEW, TREE, after(hours=1)).routed
    (late,) = judge_match(a_match(), NEW, TREE, after(hours=1, seconds=1)).routed
    assert (punctual.key, punctual.group_wait) == ("watchlist watchlist=tartus", timedelta())
    assert (late.key, late.group_wait) == ("late", timedelta(minutes=1))


def test_what_is_critical_is_told_at_once_however_late() -> None:
    critical = a_match(on=watchlist(severity=Severity.CRITICAL))
    (routed,) = judge_match(critical, NEW, TREE, after(days=1)).routed
    assert routed.group_wait == timedelta()


def test_an_edit_of_an_old_article_is_as_late_as_it_was_matched() -> None:
    edit = replace(a_match(first_seen=after(days=-3), revision=2), matched_at=NOW)
    assert came_up(edit) == NOW
    assert came_up(a_match(first_seen=after(days=-3))) == after(days=-3)


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
