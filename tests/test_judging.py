"""What a match, an edition and an event come to when they are recorded: pure rules, each instant an argument."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.alerting.judging import came_up, judge_edition, judge_event, judge_match
from monitor.model import Article, Edition, Event, Match, Matcher, Reason, Severity, Status
from monitor.ports import EventRuling, LastAlert, Recorded, Routed, Ruling, Silence, Standing, Story, ToTell
from monitor.settings import Route
from tests.samples import NOW, a_match, after, alert_settings, an_event, header, watchlist

TREE = Route.model_validate({"receiver": "desk", "routes": [{"match": {"severity": "low"}, "group_wait": "30s"}]})
RECEIVERS = alert_settings(desk={"terminal": True}, night={"email": {"to": ["night@example.org"]}}).receivers
EARLIER, LATER = after(seconds=-1), after(seconds=1)
SHADOW = watchlist(status=Status.SHADOW)
SILENCE = Silence(id=7, matcher=Matcher(watchlist=("tartus",)), author="layla", comment="", created=NOW, expires=LATER)
KNOWN = Standing(id="told-before", begun=NOW, created=NOW, sources=frozenset({"agency"}), aware=frozenset({"desk"}))
NEW, TOLD = Story(id="s1"), Story(id="s1", alert=KNOWN)
SILENCED = replace(NEW, silences=(SILENCE,))
SNOOZED = replace(TOLD, alert=replace(KNOWN, snoozed_until=LATER))


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
    assert ruling.tell == (ToTell(Routed("desk", timedelta(seconds=30), "watchlist watchlist=tartus", (0,))),)
    assert ruling.alert
    assert ruling.alert != "told-before"


def test_a_copy_joins_the_alert_of_its_story_and_tells_nobody_again() -> None:
    assert judge_match(a_match(), TOLD, TREE, NOW) == Ruling(reason=Reason.COPY, alert="told-before", since=NOW)


def test_a_match_that_is_held_back_has_no_alert() -> None:
    assert judge_match(a_match(held=Reason.OLD), TOLD, TREE, NOW) == Ruling(reason=Reason.OLD)


def test_a_match_that_no_route_takes_still_opens_an_alert_and_says_why_nobody_was_told() -> None:
    ruling = judge_match(a_match(), NEW, Route(), NOW)
    assert (ruling.reason, ruling.tell, bool(ruling.alert)) == (Reason.NO_ROUTE, (), True)


# --- What a match adds to an alert ------------------------------------------------------------------------------------

CROWD = replace(KNOWN, sources=frozenset({"one", "two", "three", "four"}), watched=frozenset({"طرطوس", "$base"}))


def told(match: Match, alert: Standing) -> list[str]:
    ruling = judge_match(match, replace(TOLD, alert=alert), TREE, NOW)
    assert ruling.reason is (Reason.TOLD if ruling.tell else Reason.COPY)
    return [one.cause for one in ruling.tell]


def test_a_story_that_reaches_a_step_of_growth_is_told_again() -> None:
    assert told(a_match("a2", source="five"), CROWD) == ["growth:5"]
    assert told(a_match("a2", source="four"), CROWD) == [], "a source counts once"
    assert told(a_match("a2", source="five"), replace(CROWD, sources=frozenset({"one"}))) == []


def test_the_first_source_of_tier_one_is_told_and_no_further_one() -> None:
    assert told(a_match("a2", source="state", tier=1), KNOWN) == ["tier1:state"]
    assert told(a_match("a2", source="state", tier=1), replace(KNOWN, tier1=True)) == []
    assert told(a_match("a2", source="paper", tier=2), KNOWN) == []


def test_a_watched_term_that_is_new_to_the_story_is_told() -> None:
    match = a_match("a2", source="one")
    assert told(replace(match, watched=("طرطوس", "حميميم", "$base", "$fleet")), CROWD) == [
        "term:حميميم",
        "term:$fleet",
    ]


def test_of_an_alert_whose_sources_and_terms_are_not_known_nothing_is_new() -> None:
    old = replace(KNOWN, sources=frozenset())
    assert told(replace(a_match("a2", tier=1), watched=("حميميم",)), old) == []
    assert told(replace(a_match("a2"), watched=("حميميم",)), KNOWN) == []


def test_a_receiver_of_whom_the_story_s_first_reports_were_not_the_business_is_told_of_it() -> None:
    tree = Route.model_validate({"receiver": "desk", "routes": [{"match": {"source": "paper"}, "receiver": "press"}]})
    ruling = judge_match(a_match("a2", source="paper"), TOLD, tree, NOW)
    assert (ruling.reason, ruling.alert) == (Reason.TOLD, "told-before")
    assert [(one.routed.receiver, one.cause) for one in ruling.tell] == [("press", "first")]


# --- Developments ----------------------------------------------------------------------------------------------------

NEAR = Story(id="s2", near=replace(CROWD, begun=EARLIER))
SAME_WORDS = replace(a_match("a2"), watched=("طرطوس",))


def test_a_further_story_of_the_same_words_joins_the_alert_and_gathers_with_others() -> None:
    ruling = judge_match(SAME_WORDS, NEAR, TREE, after(minutes=30))
    assert (ruling.reason, ruling.alert) == (Reason.DEVELOPMENT, "told-before")
    (tell,) = ruling.tell
    assert (tell.cause, tell.routed.group_wait) == ("development:s2", timedelta(minutes=15))
    critical = replace(SAME_WORDS, watchlist=watchlist(severity=Severity.CRITICAL))
    (at_once,) = judge_match(critical, NEAR, TREE, after(minutes=30)).tell
    assert (at_once.cause, at_once.routed.group_wait) == ("development:s2", timedelta())


def test_who_was_not_told_of_the_alert_is_told_of_a_development_at_once() -> None:
    story = replace(NEAR, near=replace(CROWD, aware=frozenset({"night"})))
    ruling = judge_match(SAME_WORDS, story, TREE, NOW)
    assert [(one.cause, one.routed.group_wait) for one in ruling.tell] == [("first", timedelta())]


def test_more_of_a_development_is_more_of_its_alert() -> None:
    assert told(replace(SAME_WORDS, article=header("a3", source="five")), CROWD) == ["growth:5"]


# --- Editions --------------------------------------------------------------------------------------------------------


def edition(*still: str, **changes: Any) -> Edition:  # noqa: ANN401 - the record's own fields
    article = Article(header=header(version="v2", title="سفينة تغادر", revision=2, **changes), text="نص آخر")
    return Edition(article=article, watchlists=still, at=NOW)


RECORDED = Recorded(match=a_match(), alert="told-before", told=frozenset({"desk"}))


@pytest.mark.parametrize(("still", "kind"), [(("tartus",), "changed"), (("other",), "withdrawn")])
def test_what_an_edit_takes_away_is_told_as_changed_or_withdrawn_to_those_who_were_told(
    still: tuple[str, ...], kind: str
) -> None:
    ruling = judge_edition(edition(*still), RECORDED, TREE, NOW)
    assert (ruling.alert, ruling.edit.kind, ruling.edit.gone, ruling.edit.now) == ("told-before", kind, "v1", "v2")
    assert [(one.routed.receiver, one.cause) for one in ruling.tell] == [("desk", f"{kind}:v2")]
    assert judge_edition(edition(*still), replace(RECORDED, told=frozenset()), TREE, NOW).tell == ()


def test_an_edit_among_those_of_nearly_all_that_is_listed_is_on_record_only() -> None:
    ruling = judge_edition(edition(held=Reason.BASELINE), RECORDED, TREE, NOW)
    assert (ruling.edit.kind, ruling.tell) == ("withdrawn", ())


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


def test_a_raised_event_is_routed_and_its_end_is_told_to_those_who_were_told() -> None:
    raised = judge_event(an_event(NOW, severity=Severity.LOW), None, TREE, RECEIVERS, NOW)
    assert raised is not None
    assert raised.tell == (ToTell(Routed("desk", timedelta(seconds=30), "operations watchlist=source failing", (0,))),)
    assert judge_event(an_event(LATER, cleared=True), OPEN, TREE, RECEIVERS, NOW) == EventRuling(
        alert="o1", state="closed"
    )
    told = judge_event(
        an_event(LATER, cleared=True), replace(OPEN, told=frozenset({"desk", "night"})), TREE, RECEIVERS, NOW
    )
    assert told
    assert [(one.routed.receiver, one.cause) for one in told.tell] == [("desk", "resolved")]


# --- Silences --------------------------------------------------------------------------------------------------------


def test_what_a_silence_hides_opens_an_alert_that_waits_to_be_decided() -> None:
    ruling = judge_match(a_match(), SILENCED, TREE, NOW)
    assert (ruling.silence, bool(ruling.alert), [one.routed.receiver for one in ruling.tell]) == (7, True, ["desk"])


HIDDEN = replace(TOLD, alert=replace(KNOWN, aware=frozenset(), hidden={"desk": SILENCE}))


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
    assert tuple(one.routed.receiver for one in ruling.tell) == told


# --- Late ------------------------------------------------------------------------------------------------------------


def test_what_comes_more_than_an_hour_late_gathers_with_all_that_does() -> None:
    (punctual,) = routed(judge_match(a_match(), NEW, TREE, after(hours=1)))
    (late,) = routed(judge_match(a_match(), NEW, TREE, after(hours=1, seconds=1)))
    assert (punctual.key, punctual.group_wait) == ("watchlist watchlist=tartus", timedelta())
    assert (late.key, late.group_wait) == ("late", timedelta(minutes=1))


def test_what_is_critical_is_told_at_once_however_late() -> None:
    critical = a_match(on=watchlist(severity=Severity.CRITICAL))
    (target,) = routed(judge_match(critical, NEW, TREE, after(days=1)))
    assert target.group_wait == timedelta()


def test_an_edit_of_an_old_article_is_as_late_as_it_was_matched() -> None:
    edit = replace(a_match(first_seen=after(days=-3), revision=2), matched_at=NOW)
    assert came_up(edit) == NOW
    assert came_up(a_match(first_seen=after(days=-3))) == after(days=-3)


def routed(ruling: Ruling) -> list[Routed]:
    return [one.routed for one in ruling.tell]
