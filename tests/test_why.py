"""What became of an article, as `alerts why` tells it, over a real store and a real log.

Each article goes one way and ends somewhere; the command is asked and says where.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from monitor import codec
from monitor.bus import open_bus
from monitor.cli import app
from monitor.errors import DeliveryError
from monitor.ingest.identity import article_of_url
from monitor.model import Alert, Article, DeadLetter, Header, Matcher, Reason, Severity, Status
from monitor.notify.delivering import Deliverer
from monitor.notify.recording import Decider, Recorder
from monitor.ports import (
    AlertReport,
    Decided,
    Sighting,
    Silence,
    SourceState,
    Trace,
    TracedAlert,
    TracedTelling,
)
from monitor.recounting import Way, way_texts
from monitor.settings import load_settings
from monitor.store import open_store
from monitor.stories.signing import sign_matches
from tests.installation import Installation
from tests.samples import TITLE, a_letter, a_match, a_message, an_event, watchlist

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.model import Match, Message
    from monitor.settings import Settings
    from monitor.store import SqlStore

NOW = datetime.now(UTC)
SECRET = "https://hooks.slack.com/services/T000/B000/sesame"
ADDRESS = "https://www.example.org/news/17?utm_source=x"
ARTICLE = article_of_url(ADDRESS) or ""
TEXT = "رست سفينة شحن في ميناء طرطوس صباح اليوم."
LISTS = """\
version: 1
watchlists:
  - {id: tartus, name: Tartus, terms: [ميناء طرطوس]}
  - {id: lion, name: Lion, terms: [الأسد]}
"""
SOURCES = """\
sources:
  - {id: agency, url: "https://example.org/rss"}
  - {id: other, url: "https://example.net/rss"}
"""
ALERTS = f"""\
receivers:
  desk: {{email: {{to: desk@example.org}}}}
  night: {{email: {{to: night@example.org}}, quiet_hours: {{from: "00:00", to: "24:00", days: [DAYS]}}}}
  chat: {{slack: {{webhook: "{SECRET}"}}}}
smtp: {{host: mail.example.org, from: monitor@example.org, password: sesame}}
route:
  receiver: desk
  routes:
    - {{match: {{watchlist: night}}, receiver: night}}
    - {{match: {{watchlist: chat}}, receiver: chat}}
"""


class _Mail:
    """A channel that delivers, or says why not."""

    def __init__(self) -> None:
        self.fault: DeliveryError | None = None

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        if self.fault:
            raise self.fault


class Desk:
    """A monitor whose stages are ours to turn, and its commands."""

    def __init__(self, folder: Path) -> None:
        other = (NOW + timedelta(days=3)).strftime("%a").lower()
        days = [day for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") if day != other]
        alerts = ALERTS.replace("DAYS", ", ".join(days))
        self.installed = Installation(folder, watchlists=LISTS, sources=SOURCES, alerts=alerts)
        self.settings: Settings = load_settings(folder / "monitor.yaml", {})
        self.store: SqlStore = open_store(self.settings.store)
        self.mail = _Mail()

    def listed(self, article: str = ARTICLE, source: str = "agency", **changes: Any) -> None:  # noqa: ANN401 - the record's own fields
        """Let a source list an article."""
        plain = Sighting(
            source=source,
            key=f"key of {article}",
            article=article,
            content_hash="v1",
            revision=1,
            first_seen=NOW,
            listed=NOW,
        )
        state = SourceState(id=source, state="ok", last_success=NOW)
        self.store.remember(state, [replace(plain, **changes)])

    def published(self, text: str = TEXT, article: str = ARTICLE, held: Reason | None = None) -> None:
        """Put an article on the bus."""
        header = Header(
            id=article, source="agency", title="خبر", content_hash="v1", first_seen=NOW, url=ADDRESS, held=held
        )
        with closing(open_bus(self.settings.bus)) as bus:
            bus.publish("articles", [codec.encode(Article(header=header, text=text))])

    def matched(self, on: str = "tartus", article: str = ARTICLE, **changes: Any) -> Match:  # noqa: ANN401 - the record's own fields
        """Record a match, and decide."""
        match = a_match(article, on=watchlist(on), first_seen=NOW, url=ADDRESS, **changes)
        match = replace(match, matched_at=NOW)
        Recorder(self.store, self.settings.alerts).record(match, NOW)
        self.decide()
        return match

    def decide(self, now: datetime = NOW) -> None:
        Decider(self.store, self.settings.alerts).tick(now)

    def delivered(self, now: datetime = NOW) -> None:
        """Deliver all that may be."""
        channels = {"email": self.mail, "slack": self.mail}
        deliverer = Deliverer(self.store, channels, a_message, lambda _: None, worker="one", jitter=lambda: 0.0)
        while deliverer.deliver_one(now):
            pass

    def ask(self, *arguments: str) -> Result:
        environment = {"MONITOR_CONFIG": str(self.installed.folder / "monitor.yaml")}
        result = CliRunner().invoke(app, [*arguments], env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "sesame" not in result.output, "a secret"
        return result

    def why(self, *arguments: str) -> str:
        done = self.ask("alerts", "why", *arguments)
        assert done.exit_code == 0, done.output
        return done.output

    def steps(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ask("alerts", "why", *arguments, "--json").stdout.splitlines()]

    def ends(self, *arguments: str) -> list[tuple[str, str]]:
        return [(one["outcome"], one["words"]) for one in self.steps(*arguments) if one["step"] == "ended"]

    @property
    def alerts(self) -> list[str]:
        return [report.alert.id for report in self.store.alerts()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk")
    with made.store:
        yield made


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%MZ}"


# --- Where it ends ---------------------------------------------------------------------------------------------------


def test_what_was_told_is_told_whole_from_the_poll_to_the_message(desk: Desk) -> None:
    desk.listed()
    desk.published()
    desk.matched()
    desk.delivered()
    steps = desk.steps(ADDRESS)
    assert [one["step"] for one in steps] == [
        *("seen", "source", "archive", "matched", "decided", "alert", "decided", "told", "ended")
    ]
    seen, source, archive, matched, judged, alert, decided, told, ended = steps
    assert (seen["source"], seen["revision"], source["state"], archive["held"]) == ("agency", 1, "ok", None)
    assert (matched["watchlist"], matched["score"], matched["alert"]) == ("tartus", 95, alert["alert"])
    assert (judged["receiver"], judged["reason"], decided["receiver"], decided["cause"]) == (
        *(None, "told"),
        *("desk", "first"),
    )
    assert (told["destination"], told["state"], told["attempts"]) == ("desk@example.org", "sent", 1)
    assert (ended["outcome"], ended["watchlist"], ended["receiver"]) == ("told", "tartus", "desk")
    text = desk.why(ADDRESS)
    assert f"→ tartus: told desk by email at {minute(NOW)}\n" in text
    assert text.index("→") < text.index("  seen  ") < text.index("  archive  ") < text.index("  told  ")
    assert desk.ends(ARTICLE) == desk.ends(f"key of {ARTICLE}") == desk.ends(alert["alert"][:6]), "it has many names"


def test_an_address_that_no_source_listed_is_unseen_and_the_sources_there_are_told(desk: Desk) -> None:
    desk.store.remember(SourceState(id="agency", state="failing", error="HTTP 503", last_success=NOW), [])
    for blind in ("other", "former"):
        desk.store.remember(SourceState(id=blind, state="gone"), [])
    done = desk.ask("alerts", "why", "https://www.example.org/never")
    assert done.exit_code == 1
    assert "→ never seen by a source. Polled there: agency is failing, last read" in done.output
    assert ": HTTP 503. Blind now: other\n" in done.output, "what is polled no more is not blind"
    (source, ended) = desk.steps("https://www.example.org/never")
    assert (source["source"], source["state"], source["error"], ended["outcome"]) == (
        *("agency", "failing", "HTTP 503"),
        "unseen",
    )


def test_an_address_of_no_single_article_is_refused(desk: Desk) -> None:
    assert desk.ask("alerts", "why", "https://example.org/").exit_code == 2


def test_a_source_that_is_blind_is_said_to_be(desk: Desk) -> None:
    desk.listed()
    state = desk.store.source("agency")
    desk.store.note([replace(state, state="blocked", error="a wall", silent_since=NOW)])
    assert f"agency is blocked, last read {minute(NOW)}; brought nothing new since {minute(NOW)}: a wall" in desk.why(
        ADDRESS
    )


def test_what_no_watchlist_matches_is_held_against_the_one_that_was_asked_for(desk: Desk) -> None:
    desk.listed()
    desk.published("افتتحت حديقة الأسود في ضاحية المدينة، بعيدا عن طرطوس.")
    assert desk.ends(ADDRESS) == [("unmatched", "seen, but no watchlist matches it")]
    ((outcome, words),) = desk.ends(ADDRESS, "Tartus")
    assert outcome == "unmatched"
    assert words.startswith("seen, but no match of tartus: Tartus: does not match; decided by line 3")
    assert "; nearest: " in words
    assert f"`monitor explain tartus {ARTICLE}` for the rest" in words
    assert desk.ask("explain", "tartus", ARTICLE).exit_code == desk.ask("explain", "tartus", ADDRESS).exit_code == 1
    assert desk.ask("explain", "tartus", "https://example.org/never").exit_code == 2


def test_what_a_watchlist_would_match_now_but_has_not_is_told(desk: Desk) -> None:
    desk.listed()
    desk.published()
    ((outcome, words),) = desk.ends(ADDRESS)
    assert (outcome, words[:38]) == ("unrecorded", "seen, and tartus would match it now, b")
    assert ("judged", True) in [(one["step"], one.get("matches")) for one in desk.steps(ADDRESS)]
    assert desk.ends(ADDRESS, "lion")[0][0] == "unmatched"


def test_what_is_not_in_the_archive_cannot_be_held_against_a_watchlist(desk: Desk) -> None:
    desk.listed()
    assert desk.ends(ADDRESS, "lion") == [
        ("unmatched", "seen, but no match of lion: it is not in the archive, to be held against it now")
    ]
    assert "archive   it is not there (any more)" in desk.why(ADDRESS)


def test_an_archive_that_cannot_be_asked_is_told_and_the_rest_goes_on(desk: Desk) -> None:
    desk.matched()
    (desk.installed.folder / "var" / "bus.db").write_text("my notes, which took me a year " * 100)
    assert "archive   cannot be asked: " in desk.why(ARTICLE)


@pytest.mark.parametrize(("reason", "words"), [(Reason.BASELINE, "a back issue"), (Reason.OLD, "max_age")])
def test_what_was_held_back_when_it_was_read_says_so(desk: Desk, reason: Reason, words: str) -> None:
    desk.listed()
    desk.published(held=reason)
    desk.matched(held=reason)
    ((outcome, said),) = desk.ends(ADDRESS)
    assert (outcome, words in said) == (reason, True)
    assert f"held back as {reason}" in desk.why(ADDRESS)


def test_what_was_passed_over_was_never_read(desk: Desk) -> None:
    desk.listed(revision=0)
    assert desk.ends(ADDRESS) == [("passed over", "listed, but passed over without being read")]


def test_a_silence_is_named_with_who_made_it_and_why(desk: Desk) -> None:
    silence = Silence(
        matcher=Matcher(watchlist=("tartus",)),
        author="layla",
        comment="naval exercise",
        created=NOW - timedelta(hours=1),
        expires=NOW + timedelta(hours=1),
    )
    desk.store.silence(silence)
    desk.matched()
    assert desk.ends(ARTICLE) == [("silenced", "tartus: desk: matched, silenced by silence 1 (layla: naval exercise)")]
    decided = [one["silence"] for one in desk.steps(ARTICLE) if one["step"] == "decided"]
    assert decided == [{"id": 1, "author": "layla", "comment": "naval exercise"}] * 2


def test_who_is_left_in_peace_is_told_later_and_the_hour_is_said(desk: Desk) -> None:
    desk.matched("night")
    ((outcome, words),) = desk.ends(ARTICLE)
    assert (outcome, words[:48]) == ("quiet hours", "night: night waits for quiet hours until " + minute(NOW)[:7])
    assert [one["reason"] for one in desk.steps(ARTICLE, "--json") if one["step"] == "decided"] == [
        "told",
        "quiet hours",
    ]


def test_a_story_that_was_told_already_is_told_nobody_again(desk: Desk) -> None:
    text = f"{TITLE} محملة بالقمح قادمة من البحر الأسود صباح اليوم الأربعاء"
    for article in ("a1", "a2"):
        match = a_match(article, on=watchlist(), first_seen=NOW)
        whole = Article(header=match.article, text=text)
        (signed,) = sign_matches(whole, [match])
        Recorder(desk.store, desk.settings.alerts).record(signed, NOW)
        desk.decide()
    desk.delivered()
    assert desk.ends("a2") == [
        ("copy", "tartus: joined a story that was told already; nobody is told again"),
        ("told", f"tartus: told desk by email at {minute(NOW)}"),
    ]


def test_what_was_given_up_says_why_and_is_sent_again_by_its_alert(desk: Desk) -> None:
    desk.matched("chat")
    desk.mail.fault = DeliveryError("channel_not_found", retryable=False)
    desk.delivered()
    (alert,) = desk.alerts
    ((outcome, words),) = desk.ends(ARTICLE)
    assert (outcome, words.partition(":")[2]) == (
        "failed",
        f" given up telling chat by slack: channel_not_found; `monitor alerts resend {alert}` tries again",
    )
    assert desk.ask("alerts", "resend", alert[:4]).stdout == "sent again: 1 message\n"
    assert desk.ask("alerts", "resend").stdout == "no message was given up\n"
    desk.mail.fault = DeliveryError("rate limited")
    desk.delivered(datetime.now(UTC))
    ((outcome, words),) = desk.ends(ARTICLE)
    assert outcome == "sending"
    assert words.startswith("chat: telling chat by slack is pending, 1 attempt, next ")
    assert words.endswith(": rate limited")


def test_dead_letters_of_an_article_and_of_its_matches_are_told(desk: Desk) -> None:
    desk.listed()
    for topic, key, value in (("articles", ARTICLE, b"x"), ("matches", "tartus", ARTICLE.encode())):
        letter: DeadLetter = replace(a_letter(), topic=topic, key=key, value=value, stage=topic)
        desk.store.file_dead(letter)
    desk.store.file_dead(a_letter(9))
    assert desk.ends(ADDRESS)[:2] == [
        ("dead", "stage articles failed on it (Undecodable: matches/0@7); see `monitor dead show 1`"),
        ("dead", "stage matches failed on it (Undecodable: matches/0@7); see `monitor dead show 2`"),
    ]
    desk.store.mark_dead(1, "retried")
    assert [outcome for outcome, _ in desk.ends(ADDRESS)] == ["dead", "unmatched"]


def test_an_alert_about_monitor_itself_has_a_way_too(desk: Desk) -> None:
    Recorder(desk.store, desk.settings.alerts).record_event(an_event(NOW), NOW)
    desk.decide()
    desk.delivered()
    (alert,) = desk.alerts
    assert desk.ends(alert) == [("told", f"source failing: told desk by email at {minute(NOW)}")]
    assert desk.why(alert).startswith(f"agency answers nothing ({alert})\n")


def test_a_watchlist_that_is_named_is_the_only_one_told_of(desk: Desk) -> None:
    desk.matched("tartus")
    desk.matched("lion")
    assert {one["watchlist"] for one in desk.steps(ARTICLE, "Lion") if "watchlist" in one} == {"lion"}
    assert desk.ask("alerts", "why", ARTICLE, "liom").exit_code == 2


def test_a_shadow_watchlist_and_a_route_to_nobody_are_told(desk: Desk) -> None:
    match = a_match(ARTICLE, on=watchlist(status=Status.SHADOW), first_seen=NOW)
    Recorder(desk.store, desk.settings.alerts).record(match, NOW)
    assert desk.ends(ARTICLE) == [("shadow", "tartus: recorded only: the watchlist is in shadow")]


def test_receivers_of_one_address_are_told_by_one_message(desk: Desk) -> None:
    alerts = ALERTS.replace("DAYS", "sat").replace("receiver: desk\n", "receiver: [desk, twin]\n")
    alerts = alerts.replace("  desk:", "  twin: {email: {to: desk@example.org}}\n  desk:")
    desk.installed.write("alerts.yaml", alerts)
    desk.settings = load_settings(desk.installed.folder / "monitor.yaml", {})
    desk.matched()
    desk.delivered()
    assert [words for _, words in desk.ends(ARTICLE)] == [
        f"tartus: told desk by email at {minute(NOW)}",
        "tartus: twin is told by the message to another of the same address",
    ]


@pytest.mark.parametrize("ended", [None, NOW], ids=["waits", "ended"])
@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.TOLD])
def test_every_reason_is_told_whatever_it_is(reason: Reason, ended: datetime | None) -> None:
    alert = Alert(
        id="a", kind="operations", name="x", severity=Severity.HIGH, state="open", created=NOW, event=an_event(NOW)
    )
    telling = TracedTelling(
        receiver="desk", cause="growth:5", opened=NOW, ended=ended, reason=reason, until=None if ended else NOW
    )
    decided = Decided(at=NOW, reason=reason, receiver="desk", cause="growth:5", until=telling.until)
    traced = TracedAlert(report=AlertReport(alert=alert, told=()), tellings=(telling,), decided=(decided,))
    lines = list(way_texts(Way(trace=Trace(alerts=(traced,))), NOW + timedelta(hours=1)))
    end = next(line for line in lines if line.startswith("→"))
    assert "desk (+4 sources)" in end
    assert ("is the notifier running?" in end) == (ended is None)
    assert f"desk (+4 sources): {reason}" in lines[-1]
