"""What a match, an event and a due group come to: pure rules, each instant an argument."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.alerting.deciding import State, decide, judge_event, judge_match
from monitor.alerting.stories import story_of
from monitor.model import Event, Match, Reason, Severity, Status
from monitor.ports import EventRuling, Group, LastAlert, Owed, Routed, Ruling, Story, Verdict
from monitor.settings import Route
from tests.samples import NOW, a_match, after, an_event, watchlist

TREE = Route.model_validate({"receiver": "desk", "routes": [{"match": {"severity": "low"}, "group_wait": "30s"}]})
SHADOW = watchlist(status=Status.SHADOW)
NEW, TOLD = Story(id="s1"), Story(id="s1", alert="told-before")


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
        pytest.param(a_match(on=SHADOW, held=Reason.OLD), NEW, Reason.OLD, id="old comes before shadow"),
        pytest.param(a_match(on=SHADOW), TOLD, Reason.SHADOW, id="shadow comes before copy"),
        pytest.param(a_match(held=Reason.BASELINE), TOLD, Reason.BASELINE, id="baseline comes before copy"),
    ],
)
def test_a_match_is_held_back_for_the_first_reason_in_the_one_order(match: Match, story: Story, reason: Reason) -> None:
    assert judge_match(match, story, TREE).reason is reason


def test_a_told_match_opens_an_alert_for_the_receivers_of_its_route() -> None:
    ruling = judge_match(a_match(on=watchlist(severity=Severity.LOW)), NEW, TREE)
    assert ruling.routed == (Routed("desk", timedelta(seconds=30)),)
    assert ruling.alert
    assert ruling.alert != "told-before"


def test_a_copy_joins_the_alert_of_its_story_and_tells_nobody_again() -> None:
    assert judge_match(a_match(), TOLD, TREE) == Ruling(reason=Reason.COPY, alert="told-before")


def test_a_match_that_is_held_back_has_no_alert() -> None:
    assert judge_match(a_match(held=Reason.OLD), TOLD, TREE) == Ruling(reason=Reason.OLD)


def test_a_match_that_no_route_takes_still_opens_an_alert_and_says_why_nobody_was_told() -> None:
    ruling = judge_match(a_match(), NEW, Route())
    assert (ruling.reason, ruling.routed, bool(ruling.alert)) == (Reason.NO_ROUTE, (), True)


def test_a_story_is_one_article_within_one_watchlist() -> None:
    story = story_of(a_match("a1", "v1"))
    assert story_of(a_match("a1", "v2", title="another headline")) == story
    assert story_of(a_match("a2", "v1")) != story
    assert story_of(a_match("a1", "v1", on=watchlist("hmeimim"))) != story


# --- Events ----------------------------------------------------------------------------------------------------------

OPEN = LastAlert(id="o1", state="open", changed=NOW)
ACKED = LastAlert(id="o1", state="acked", changed=NOW)
CLOSED = LastAlert(id="o1", state="closed", changed=NOW)
EARLIER, LATER = after(seconds=-1), after(seconds=1)


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
    ruling = judge_event(event, last, TREE)
    assert (ruling and ruling.state) == state


def test_a_raised_event_is_routed_and_a_cleared_one_tells_nobody() -> None:
    raised = judge_event(an_event(NOW, severity=Severity.LOW), None, TREE)
    assert raised is not None
    assert raised.routed == (Routed("desk", timedelta(seconds=30)),)
    assert judge_event(an_event(LATER, cleared=True), OPEN, TREE) == EventRuling(alert="o1", state="closed")


# --- Groups ----------------------------------------------------------------------------------------------------------

DESTINATIONS = {"desk": [("terminal", "-"), ("email", "desk@example.org")], "night": [("email", "night@example.org")]}


def group(identity: str, *alerts: str, due_at: datetime = NOW, receiver: str = "desk") -> Group:
    return Group(id=identity, receiver=receiver, due_at=due_at, alerts=alerts)


def state(*groups: Group, windows_elapsed: bool = False) -> State:
    return State(groups=groups, destinations=DESTINATIONS, windows_elapsed=windows_elapsed)


def test_an_alert_alone_is_told_as_itself_to_each_destination() -> None:
    decision = decide(state(group("g1", "a1")), NOW)
    assert [(owed.channel, owed.destination, owed.cause, owed.about) for owed in decision.notifications] == [
        ("terminal", "-", "first", "a1"),
        ("email", "desk@example.org", "first", "a1"),
    ]
    assert decision.verdicts == (Verdict(alert="a1", receiver="desk", reason=Reason.TOLD),)
    assert decision.groups == ("g1",)


def test_alerts_that_gathered_are_told_as_their_group() -> None:
    decision = decide(state(group("g1", "a1", "a2", receiver="night")), NOW)
    (owed,) = decision.notifications
    assert (owed.cause, owed.about, owed.alerts) == ("group:g1", "g1", ("a1", "a2"))
    assert [verdict.alert for verdict in decision.verdicts] == ["a1", "a2"]


def test_what_gathers_is_held_back_until_its_window_closes() -> None:
    decision = decide(
        state(group("g1", "a1", due_at=after(seconds=30)), group("g2", "a2", due_at=after(seconds=9))), NOW
    )
    assert (decision.notifications, decision.verdicts, decision.groups) == ((), (), ())
    assert decision.next_due == after(seconds=9)


def test_an_overdue_group_fires_once_at_once() -> None:
    decision = decide(state(group("g1", "a1", due_at=after(days=-2))), NOW)
    assert (decision.groups, len(decision.notifications), decision.next_due) == (("g1",), 2, None)


def test_windows_can_be_taken_as_elapsed() -> None:
    decision = decide(state(group("g1", "a1", due_at=after(hours=1)), windows_elapsed=True), NOW)
    assert (decision.groups, decision.next_due) == (("g1",), None)


def test_a_receiver_that_is_gone_from_the_configuration_is_owed_nothing_and_the_verdict_says_so() -> None:
    decision = decide(state(group("g1", "a1", receiver="former")), NOW)
    assert decision.notifications == ()
    assert decision.verdicts == (Verdict(alert="a1", receiver="former", reason=Reason.NO_ROUTE),)
    assert decision.groups == ("g1",)


def test_a_notification_is_named_by_destination_cause_and_what_it_is_about() -> None:
    plain = Owed(
        receiver="desk", channel="email", destination="a@example.org", cause="first", about="a1", alerts=("a1",)
    )

    def owed(**changes: str) -> str:
        return replace(plain, **changes).id  # type: ignore[arg-type]  # the keys are the fields'

    assert owed() == owed(receiver="night"), "two receivers with one address are one message"
    distinct = [owed(), owed(channel="terminal"), owed(destination="b@example.org"), owed(cause="x"), owed(about="a2")]
    assert len(set(distinct)) == len(distinct)
