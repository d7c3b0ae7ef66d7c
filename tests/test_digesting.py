"""What of a notification its reader sees: what leads it, what became of that, who else tells it, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest

from monitor.ports import Owed
from tests.messages import RENDERER, a_report, an_edit, notification, one_alert, told

if TYPE_CHECKING:
    from monitor.model import Notification

FIRST: Final = a_report("agency", "A ship leaves Tartus", found="The ship left Tartus.", article="a")
SECOND: Final = a_report(
    "wire", "A ship has left", found="It left Tartus.", minutes=5, version="h2", watched=("طرطوس", "$bases")
)


def lines(given: Notification) -> list[str]:
    return RENDERER.render(given).text.splitlines()


@pytest.mark.parametrize(
    ("cause", "why", "headline"),
    [
        ("first", "first report", "A ship leaves Tartus"),
        ("growth:5", "+4 sources", "A ship leaves Tartus"),
        ("term:طرطوس", "\u2066new term: طرطوس\u2069", "A ship has left"),
        ("term:$bases", "new term: bases", "A ship has left"),
        ("term:unknown", "new term: unknown", "A ship leaves Tartus"),
        ("tier1:wire", "first tier-1 source: wire", "A ship has left"),
        ("returned:h2", "found again after it was withdrawn", "A ship has left"),
        ("group:0011", "first report", "A ship leaves Tartus"),
    ],
)
def test_the_match_that_is_the_cause_leads(cause: str, why: str, headline: str) -> None:
    message = RENDERER.render(told(FIRST, SECOND, cause=cause))
    assert message.text.splitlines()[:3] == [why, "", headline]
    assert message.subject.startswith(f"\u2068{headline}\u2069 · ")


def test_the_first_development_that_is_told_leads_and_the_others_are_listed_by_themselves() -> None:
    third = a_report("coast", "Another ship is awaited", found="Tartus awaits another.", url="https://e.org/3")
    fourth = a_report("port", "The port is dredged", found="Tartus is dredged.", url="https://e.org/4")
    given = told(FIRST, SECOND, third, fourth, cause="development:two", stories=("one", "one", "two", "three"))
    said = lines(given)
    assert (said[0], said[2]) == ("2 developments", "Another ship is awaited")
    at = said.index("Developments")
    assert said[at + 1 : at + 3] == ["  port · 14:05 · The port is dredged", "    https://e.org/4"]
    assert said[said.index("2 articles from 2 sources") + 1].startswith("  agency · ")


def test_of_other_articles_each_source_comes_before_the_second_of_any_and_the_rest_is_counted() -> None:
    same = [a_report("agency", f"Agency {number}") for number in range(3)]
    others = [a_report(f"source-{number}", f"Report {number}") for number in range(4)]
    given = told(FIRST, *same, others[0], replace(others[0], article=replace(others[0].article, id="x")), *others[1:])
    said = lines(given)
    at = said.index("9 articles from 5 sources")
    sources = [line.split(" · ")[0].strip() for line in said[at + 1 : at + 7]]
    assert sources == ["source-0", "source-1", "source-2", "source-3", "agency", "source-0"]
    assert said[at + 7] == "  … and 2 more"


def test_an_article_of_many_versions_is_one_and_shown_in_its_newest() -> None:
    newer = a_report("wire", "A ship has left, says the port", article=SECOND.article.id, version="v2", minutes=9)
    said = lines(told(FIRST, SECOND, newer))
    assert "2 articles from 2 sources" in said
    assert [line for line in said if "wire" in line] == ["  wire · 14:14 · A ship has left, says the port"]


def test_what_is_withdrawn_comes_first_and_is_struck_through_above_what_is_said_now() -> None:
    given = told(FIRST, cause="withdrawn:v2", edits=(an_edit("withdrawn", "No ship has left"),))
    message = RENDERER.render(given)
    assert message.subject.startswith("withdrawn: \u2068A ship leaves Tartus\u2069")
    assert "<del>The ship left Tartus.</del>" in message.html
    said = message.text.splitlines()
    assert said[0] == "withdrawn"
    assert said.index("  was: \u2068The ship left Tartus.\u2069") < said.index("  now: \u2068No ship has left\u2069")
    assert "sure" not in message.text


def test_what_is_changed_shows_what_the_new_version_says() -> None:
    newer = a_report("agency", "A ship may leave", found="The ship may leave Tartus.", article="a", version="v2")
    said = lines(told(FIRST, newer, cause="changed:v2", edits=(an_edit("changed", "A ship may leave"),)))
    assert said[2] == "changed: \u2068A ship may leave\u2069"
    assert "  was: \u2068The ship left Tartus.\u2069" in said
    assert "  now: \u2068*The ship may leave Tartus.*\u2069" in said


def test_what_is_changed_shows_its_new_headline_where_the_new_version_is_not_there() -> None:
    said = lines(told(FIRST, cause="changed:v2", edits=(an_edit("changed", "A ship may leave"),)))
    assert said[2] == "changed: \u2068A ship may leave\u2069"
    assert "  was: \u2068The ship left Tartus.\u2069" in said
    assert not [line for line in said if "now:" in line]


@pytest.mark.parametrize("cause", ["first", "growth:5", "digest:2026-11-20T16:00:00Z"])
def test_a_message_about_a_report_that_was_withdrawn_since_says_so(cause: str) -> None:
    given = told(FIRST, SECOND, cause=cause, edits=(an_edit("withdrawn", "No ship has left"),))
    assert RENDERER.render(given).subject.startswith("withdrawn: ")
    assert "withdrawn 14:35 UTC" in RENDERER.render(given).text
    many = replace(given, cause="digest:1", alerts=(*one_alert("Other news").alerts, *given.alerts))
    assert "withdrawn: \u2068A ship leaves Tartus\u2069" in lines(many)


def test_another_report_that_was_withdrawn_is_marked_where_it_is_listed() -> None:
    edit = replace(an_edit("withdrawn", "Nothing"), article=SECOND.article.id)
    message = RENDERER.render(told(FIRST, SECOND, edits=(edit,)))
    assert message.subject.startswith("\u2068A ship leaves Tartus")
    assert "  wire · 14:10 · withdrawn: \u2068A ship has left\u2069" in message.text.splitlines()


def test_a_report_that_says_again_what_was_withdrawn_is_not() -> None:
    again = a_report("agency", "A ship did leave", found="It did leave Tartus.", article="a", version="v3", minutes=40)
    message = RENDERER.render(told(FIRST, again, edits=(an_edit("withdrawn", "No ship has left"),)))
    assert "withdrawn" not in message.text


def test_the_last_of_several_edits_counts() -> None:
    newer = a_report("agency", "A ship may leave", found="The ship may leave Tartus.", article="a", version="v2")
    edits = (
        an_edit("changed", "A ship may leave"),
        an_edit("withdrawn", "Correction", gone="v2", now="v3", minutes=50),
    )
    said = lines(told(FIRST, newer, cause="changed:v2", edits=edits))
    assert said[2] == "withdrawn: \u2068A ship leaves Tartus\u2069"
    assert "  now: \u2068Correction\u2069" in said


@pytest.mark.parametrize("cause", ["resolved", "first"])
def test_an_operations_alert_that_is_over_says_so_however_late_it_is_told(cause: str) -> None:
    message = RENDERER.render(replace(notification("recovery"), cause=cause))
    assert message.subject == "recovered: \u2068source agency answers again\u2069 · operations"
    assert "since 14:05 UTC · recovered 15:35 UTC after 1h30m" in message.text
    assert "was: \u2068source agency failed 5 times" in message.text


def test_of_several_alerts_only_the_size_of_each_story_is_told() -> None:
    given = told(FIRST, SECOND, a_report("coast", "Another ship"), stories=("one", "one", "two"))
    many = RENDERER.render(replace(given, cause="group:1", alerts=given.alerts * 2)).text
    assert "2 articles from 2 sources · 1 development" in many
    assert "A ship has left" not in many


def test_a_digest_of_nothing_says_so_and_what_could_not_be_seen() -> None:
    message = RENDERER.render(notification("nothing"))
    for text in (message.text, message.html, message.terminal):
        assert "othing found" in text
        assert "3 of 5 sources healthy" in text
    assert [block["type"] for block in message.blocks] == ["rich_text", "context"]


# --- Threads -------------------------------------------------------------------------------------------------------


def test_what_is_told_later_of_an_alert_follows_the_message_that_told_it_first() -> None:
    given = told(FIRST, cause="growth:5")
    (alert,) = given.alerts
    first = Owed(
        receiver="anybody",
        channel=given.channel,
        destination=given.destination,
        cause="first",
        about=alert.id,
        alerts=(alert.id,),
    )
    assert RENDERER.render(given).thread == first.id
    assert RENDERER.render(replace(given, cause="first")).thread is None
    assert RENDERER.render(replace(given, cause="group:1", alerts=given.alerts * 2)).thread is None


# --- Times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receiver", "published", "shown"),
    [
        ("desk", "2026-11-20T09:05:00Z", "published 09:05 UTC"),
        ("beirut", "2026-11-20T09:05:00Z", "published 11:05 EET"),
        ("beirut", "2026-11-19T22:30:00Z", "published 00:30 EET"),
        ("beirut", "2026-11-19T21:30:00Z", "published 23:30 EET, Thu 19 Nov"),
        ("beirut", "2026-07-01T09:05:00Z", "published 12:05 EEST, Wed 1 Jul"),
        ("beirut", "2025-11-20T09:05:00Z", "published 11:05 EET, Thu 20 Nov 2025"),
        ("dubai", "2026-11-20T09:05:00Z", "published 13:05 UTC+04"),
        ("lima", "0001-01-01T01:00:00Z", "published 01:00 UTC, Mon 1 Jan 1"),
    ],
)
def test_times_are_by_the_receivers_clocks_with_the_date_of_another_day(
    receiver: str, published: str, shown: str
) -> None:
    article = replace(FIRST.article, published=datetime.fromisoformat(published))
    assert f"agency · {shown} · sure" in lines(told(replace(FIRST, article=article), receiver=receiver))
