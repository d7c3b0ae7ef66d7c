"""Alerts that matches join, over every store: what is known of them, what joins them, what edits take away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.model import Article, Edit, Edition, Match, Reason
from monitor.ports import Decision, EditRuling, Recorded, Routed, Ruling, Standing, Story, ToTell, Verdict
from monitor.store import SqlStore, open_store
from monitor.stories.relating import WINDOW
from tests.samples import NOW, a_match, after, header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitor.ports import Member

DESK = ToTell(Routed("desk"))


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"{request.param}:{tmp_path / 'var' / 'state.db'}") as opened:
        yield opened


def in_story(story: str) -> Callable[[Sequence[Member]], str]:
    return lambda _: story


def record(store: SqlStore, match: Match, story: str, ruling: Ruling, now: datetime = NOW) -> Story:
    """Record a match with this ruling; return what its judge was told."""
    heard: list[Story] = []

    def judge(known: Story) -> Ruling:
        heard.append(known)
        return ruling

    assert store.record(match, in_story(story), judge, now) == ruling
    return heard[0]


def opening(alert: str) -> Ruling:
    return Ruling(reason=Reason.TOLD, alert=alert, tell=(DESK,))


def joining(alert: str, reason: Reason = Reason.COPY, **changes: Any) -> Ruling:  # noqa: ANN401 - the record's own fields
    return replace(Ruling(reason=reason, alert=alert), **changes)


def known(story: Story) -> Standing:
    assert story.alert
    return story.alert


# --- What is known -----------------------------------------------------------------------------------------------


def test_an_alert_is_known_by_its_sources_and_what_was_watched_for_and_found(store: SqlStore) -> None:
    record(store, replace(a_match("a1", source="one"), watched=("طرطوس",)), "s1", opening("x"))
    record(store, replace(a_match("a2", source="two", tier=1), watched=("$base",)), "s1", joining("x"))
    heard = known(record(store, a_match("a3"), "s1", joining("x")))
    assert (heard.id, heard.begun, heard.created, heard.tier1) == ("x", NOW, NOW, True)
    assert (heard.sources, heard.watched) == (frozenset({"one", "two"}), frozenset({"طرطوس", "$base"}))
    assert (heard.aware, dict(heard.hidden)) == (frozenset({"desk"}), {})


def test_what_a_silence_is_about_adds_nothing_to_what_is_known(store: SqlStore) -> None:
    record(store, a_match("a1", source="one"), "s1", opening("x"))
    record(store, a_match("a2", source="two"), "s1", joining("x", Reason.SILENCED, silence=7))
    assert known(record(store, a_match("a3"), "s1", joining("x"))).sources == {"one"}


# --- Developments ------------------------------------------------------------------------------------------------


def saying(article: str, *watched: str, **changes: Any) -> Match:  # noqa: ANN401 - the record's own fields
    return replace(a_match(article, **changes), watched=watched)


def near(store: SqlStore, match: Match, now: datetime = NOW) -> str | None:
    """Record a match of a story of its own; return the alert that it might have joined."""
    known = record(store, match, f"s-{match.article.id}", opening(f"x-{match.article.id}"), now)
    return known.near.id if known.near else None


def test_a_further_story_may_join_the_newest_alert_about_news_of_the_same_hours(store: SqlStore) -> None:
    for number, minutes in enumerate((-121, -120, -30, -60)):
        match = saying(f"a{number}", "طرطوس", published=after(minutes=minutes))
        record(store, match, f"s{number}", opening(f"x{number}"))
    assert near(store, saying("new", "طرطوس")) == "x2"
    assert near(store, saying("old", "طرطوس", published=after(minutes=-242))) is None
    assert near(store, saying("older", "طرطوس", published=after(minutes=-240))) == "x1"


def test_only_an_alert_that_mentions_all_that_it_mentions_is_near(store: SqlStore) -> None:
    record(store, saying("a1", "طرطوس", "$base"), "s1", opening("x1"))
    assert near(store, saying("a2", "طرطوس", "حميميم")) is None
    assert near(store, saying("a3", "$base", "$base")) == "x1"
    assert near(store, saying("a4")) is None, "what it mentions is not known"


def test_an_alert_that_was_opened_long_ago_is_not_near_whatever_the_dates_say(store: SqlStore) -> None:
    record(store, saying("a1", "طرطوس"), "s1", opening("x1"))
    assert near(store, saying("a2", "طرطوس", published=NOW), after(minutes=119)) == "x1"
    assert near(store, saying("a3", "طرطوس", published=NOW), after(minutes=120)) == "x-a2"


def test_a_story_that_joined_an_alert_stays_with_it(store: SqlStore) -> None:
    record(store, saying("a1", "طرطوس"), "s1", opening("x"))
    record(store, saying("a2", "طرطوس"), "s2", joining("x", Reason.DEVELOPMENT))
    heard = record(store, a_match("a3"), "s2", joining("x"))
    assert (known(heard).id, heard.near) == ("x", None)
    (report,) = store.alerts()
    assert report.alert.stories == ("s1", "s2", "s2")
    assert [match.article.id for match in report.alert.matches] == ["a1", "a2", "a3"]


def test_an_alert_of_old_news_is_closed_and_joined_by_no_further_story(store: SqlStore) -> None:
    record(store, saying("a1", "طرطوس"), "s1", opening("x"))
    later = NOW + WINDOW + timedelta(hours=3)
    record(store, a_match("a2", first_seen=later, published=later), "s2", opening("y"), later)
    assert [report.alert.state for report in store.alerts()] == ["closed", "open"]
    assert near(store, saying("a3", "طرطوس", published=NOW), later) is None
    assert known(record(store, a_match("a4"), "s1", joining("x"), later)).id == "x", "its own story still joins it"


def test_an_alert_is_not_closed_while_a_development_of_it_is_told(store: SqlStore) -> None:
    record(store, saying("a1", "طرطوس"), "s1", opening("x"))
    record(store, saying("a2", "طرطوس"), "s2", joining("x", Reason.DEVELOPMENT))
    soon, later = NOW + timedelta(days=3), NOW + WINDOW + timedelta(hours=3)
    record(store, a_match("a3", first_seen=soon), "s2", joining("x"), soon)
    record(store, a_match("a4", first_seen=later), "s3", opening("y"), later)
    assert [report.alert.state for report in store.alerts()] == ["open", "open"]


# --- Editions ----------------------------------------------------------------------------------------------------


def edition(version: str = "v2", revision: int = 2, **changes: Any) -> Edition:  # noqa: ANN401 - the record's own fields
    article = Article(header=header(version=version, revision=revision, **changes), text="")
    return Edition(article=article, watchlists=(), at=after(hours=1))


def takes_away(recorded: Recorded) -> EditRuling:
    edit = Edit(article="a1", gone="v1", now="v2", kind="withdrawn", title="لا سفينة", at=after(hours=1))
    return EditRuling(alert=recorded.alert, edit=edit, tell=(ToTell(Routed("desk"), "withdrawn:v2"),))


def test_an_edition_is_judged_with_what_was_told_of_its_article_and_by_whom_it_was_heard(store: SqlStore) -> None:
    record(store, a_match(), "s1", opening("x"))
    heard: list[Recorded] = []

    def judge(recorded: Recorded) -> EditRuling:
        heard.append(recorded)
        return takes_away(recorded)

    (telling,) = store.waiting(NOW).tellings
    told = Verdict(telling=telling.id, alert="x", receiver="desk", cause="first", reason=Reason.TOLD)
    store.decide(lambda _: Decision(verdicts=(told,)), NOW)
    assert len(store.record_edition(edition(), judge, after(hours=1))) == 1
    assert heard == [Recorded(match=a_match(), alert="x", told=frozenset({"desk"}))]
    (report,) = store.alerts()
    assert report.alert.edits == (takes_away(heard[0]).edit,)
    assert [one.cause for one in store.waiting(after(hours=1)).tellings] == ["withdrawn:v2"]
    assert store.record_edition(edition("v3", 3), judge, after(hours=2)) == (), "it is gone already"


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (edition("v1"), "it is the version that was recorded"),
        (edition("v0", 1), "it came before it"),
        (replace(edition(), article=Article(header=header("other", "v2", revision=2), text="")), "another article's"),
    ],
)
def test_an_edition_that_takes_nothing_away_is_not_judged(store: SqlStore, later: Edition, why: str) -> None:
    record(store, a_match(), "s1", opening("x"))
    assert store.record_edition(later, takes_away, NOW) == (), why


def test_an_edition_of_what_alerted_nobody_is_not_judged(store: SqlStore) -> None:
    record(store, a_match(), "s1", Ruling(reason=Reason.BASELINE))
    assert store.record_edition(edition(), takes_away, NOW) == ()


def test_each_alert_is_judged_with_the_newest_version_that_it_has(store: SqlStore) -> None:
    record(store, a_match(), "s1", opening("x"))
    record(store, a_match(version="v2", revision=2), "s1", joining("x"))
    heard: list[str] = []
    store.record_edition(edition("v3", 3), lambda known: heard.append(known.match.article.content_hash), NOW)
    assert heard == ["v2"]
