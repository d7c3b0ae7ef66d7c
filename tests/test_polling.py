import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import codec
from monitor.bus import open_bus
from monitor.errors import Unavailable
from monitor.ingest.deciding import Failure, Known, Listing, Plan, PollStatus, Unchanged, decide
from monitor.ingest.fetching import Fetcher
from monitor.ingest.identity import Item, identify
from monitor.ingest.polling import Poller
from monitor.model import Article, Event, Header, Reason
from monitor.ports import SHARDS, Bus, Outgoing, Sighting, SourceState
from monitor.settings import Source
from monitor.store.sql import SqlStore, open_store
from tests.feedserver import FeedServer, Reply, drip, hang_up, silence

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def feed_source(**more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "agency", "url": "https://e.org/rss", "lang": "ar", "tier": 1} | more)


def folder_source(folder: Path, **more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "inbox", "folder": folder, "settle": timedelta(seconds=0.2)} | more)


def item(key: str = "1", text: str = "نص الخبر", published: datetime | None = NOW - HOUR, **more: Any) -> Item:  # noqa: ANN401 - the record's own fields
    return Item.of(key=key, title=more.pop("title", f"عنوان {key}"), text=text, published=published, **more)


# --- Deciding: pure, against what the store would answer -------------------------------------------------------------


@dataclass
class History:
    """Polls of one source, one after the other, with the store's part played by a dictionary."""

    source: Source
    state: SourceState
    sightings: dict[str, Sighting]

    @classmethod
    def of(cls, source: Source) -> Self:
        return cls(source, SourceState(id=source.id), {})

    def poll(self, *items: Item, now: datetime = NOW, still: Sequence[str] = (), settling: bool = False) -> Plan:
        listing = Listing(items=items, still=frozenset(still), settling=settling, etag='"e"', body_hash="b")
        return self.answer(listing, now)

    def answer(self, answer: Listing | Unchanged | Failure, now: datetime = NOW, draw: float = 0) -> Plan:
        items = answer.items if isinstance(answer, Listing) else ()
        identified = identify(self.source.id, items, self.sightings)
        versions: dict[str, list[Sighting]] = {}
        for sighting in self.sightings.values():
            versions.setdefault(sighting.article, []).append(sighting)
        known = Known(state=self.state, sightings=self.sightings, identified=identified, versions=versions)
        plan = decide(self.source, answer, known, now, draw)
        self.state = plan.state
        self.sightings |= {sighting.key: sighting for sighting in plan.sightings}
        return plan


@pytest.fixture
def feed() -> History:
    """A feed that was polled before."""
    history = History.of(feed_source())
    history.poll(item("0"), now=NOW - DAY)
    return history


def headers(plan: Plan) -> list[Header]:
    return [article.header for article in plan.articles]


def test_a_new_item_becomes_an_article_with_all_that_is_known_of_it(feed: History) -> None:
    plan = feed.poll(item("1", url="https://e.org/1?utm_source=x"))
    assert plan.articles == (
        Article(
            header=Header(
                id=plan.articles[0].header.id,
                source="agency",
                title="عنوان 1",
                content_hash=item("1").content_hash,
                first_seen=NOW,
                url="https://e.org/1?utm_source=x",
                lang="ar",
                tier=1,
                published=NOW - HOUR,
            ),
            text="نص الخبر",
        ),
    )
    assert plan.status is PollStatus.OK
    assert plan.state == replace(
        feed.state, last_new=NOW, last_success=NOW, last_polled=NOW, next_due=NOW + timedelta(minutes=5), articles=2
    )


def test_what_was_published_is_not_published_again(feed: History) -> None:
    feed.poll(item("1"))
    for minute in range(1, 100):
        assert feed.poll(item("1"), item("0"), now=NOW + timedelta(minutes=minute)).articles == ()


def test_changed_words_are_a_new_version_and_changed_vowel_marks_are_none(feed: History) -> None:
    revisions = [headers(feed.poll(item("1", text=text)))[0] for text in ("أول", "ثان")]
    assert [header.revision for header in revisions] == [1, 2]
    assert revisions[0].id == revisions[1].id
    assert feed.poll(item("1", text="ثَانٍ")).articles == ()


def test_an_article_that_another_source_published_is_seen_here_and_not_published(feed: History) -> None:
    one = item("x", url="https://e.org/1")
    article = identify("other", [one], {})[0].article
    theirs = Sighting(
        source="other",
        key="y",
        article=article,
        content_hash=one.content_hash,
        revision=4,
        first_seen=NOW,
        listed=NOW,
    )
    known = Known(
        state=feed.state,
        sightings=feed.sightings,
        identified=identify("agency", [one], feed.sightings),
        versions={article: [theirs]},
    )
    plan = decide(feed.source, Listing(items=(one,)), known, NOW, 0)
    assert plan.articles == ()
    assert [(seen.source, seen.key, seen.article, seen.revision) for seen in plan.sightings] == [
        ("agency", "x", article, 4)
    ]


def test_a_feed_that_makes_new_ids_at_each_fetch_is_published_once(feed: History) -> None:
    published = [feed.poll(item(f"guid-{number}", title="واحد")).articles for number in range(100)]
    assert sum(map(len, published)) == 1
    published = [feed.poll(item(f"g-{number}", title="آخر", url="https://e.org/7")).articles for number in range(100)]
    assert sum(map(len, published)) == 1


def test_an_id_used_again_for_other_news_is_published_again(feed: History) -> None:
    first = feed.poll(item("reused", url="https://e.org/1"))
    second = feed.poll(item("reused", text="خبر آخر", url="https://e.org/2"))
    assert headers(first)[0].id != headers(second)[0].id


def test_an_article_without_title_has_its_first_sentence_for_a_headline(feed: History) -> None:
    header = headers(feed.poll(item("1", title="", text="جملة أولى. وجملة ثانية.")))[0]
    assert (header.title, header.titled) == ("جملة أولى.", False)


# --- What may alert ---


def test_the_back_issues_of_a_new_feed_are_published_and_held_back() -> None:
    history = History.of(feed_source())
    plan = history.poll(*(item(str(number), text=f"نص {number}") for number in range(500)))
    assert len(plan.articles) == plan.held == 500
    assert {header.held for header in headers(plan)} == {Reason.BASELINE}
    assert headers(history.poll(item("new", text="جديد")))[0].held is None


@pytest.mark.parametrize(
    ("backfill", "age", "held"),
    [
        ("none", HOUR, Reason.BASELINE),
        ("all", HOUR, None),
        ("all", 49 * HOUR, Reason.OLD),
        ("24h", 23 * HOUR, None),
        ("24h", 25 * HOUR, Reason.BASELINE),
        ("24h", None, Reason.BASELINE),
        ("all", None, None),
        (None, None, Reason.BASELINE),
    ],
)
def test_backfill_says_what_of_a_new_feed_may_alert(
    backfill: str | None, age: timedelta | None, held: Reason | None
) -> None:
    history = History.of(feed_source(backfill=backfill))
    plan = history.poll(item(published=NOW - age if age is not None else None))
    assert headers(plan)[0].held is held


@pytest.mark.parametrize(
    ("max_age", "age", "held"),
    [
        (None, 47 * HOUR, None),
        (None, 49 * HOUR, Reason.OLD),
        ("12h", 13 * HOUR, Reason.OLD),
        ("30d", 49 * HOUR, None),
        (None, None, None),
        (None, -HOUR, None),
    ],
)
def test_an_old_article_is_held_back(max_age: str | None, age: timedelta | None, held: Reason | None) -> None:
    history = History.of(feed_source(max_age=max_age))
    history.poll(item("0"), now=NOW - DAY)
    plan = history.poll(item(published=NOW - age if age is not None else None))
    assert headers(plan)[0].held is held


def test_all_of_a_folder_may_alert_however_old(tmp_path: Path) -> None:
    plan = History.of(folder_source(tmp_path)).poll(item(published=NOW - 3650 * DAY))
    assert headers(plan)[0].held is None


def test_a_date_far_in_the_future_is_no_date(feed: History) -> None:
    assert headers(feed.poll(item(published=NOW.replace(year=2099))))[0].published is None
    assert headers(feed.poll(item("2", text="x", published=NOW + HOUR)))[0].published == NOW + HOUR


def test_a_failed_or_empty_first_poll_is_no_first_poll() -> None:
    history = History.of(feed_source())
    history.answer(Failure(reason="too slow"))
    history.poll()
    assert headers(history.poll(item()))[0].held is Reason.BASELINE


def test_the_first_poll_of_a_folder_lasts_until_something_settled(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path, backfill="none"))
    history.poll(settling=True)
    assert headers(history.poll(item()))[0].held is Reason.BASELINE
    empty = History.of(folder_source(tmp_path, backfill="none"))
    empty.poll()
    assert headers(empty.poll(item()))[0].held is None


# --- Failing, recovering, and when to look again ---


def test_failures_back_off_to_a_day_and_never_for_ever(feed: History) -> None:
    waits = []
    for _ in range(40):
        due = feed.answer(Failure(reason="too slow")).state.next_due
        assert due
        waits.append(due - NOW)
    assert waits[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert waits[-1] == DAY
    assert feed.state.errors == 40
    assert (feed.state.state, feed.state.error) == ("failing", "too slow")


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.integers(1, 10**6))
def test_a_back_off_is_spread_and_bounded(errors: int, draw: float, seconds: int) -> None:
    history = History.of(feed_source(interval=timedelta(seconds=seconds)))
    history.state = replace(history.state, errors=errors)
    due = history.answer(Failure(reason="x"), draw=draw).state.next_due
    assert due
    longest = max(DAY, timedelta(seconds=seconds))
    assert min(longest, timedelta(seconds=2 * seconds)) * 0.75 <= due - NOW <= longest


def test_a_server_that_asks_to_wait_is_left_alone_as_long(feed: History) -> None:
    for asked, wait in ((3 * HOUR, 3 * HOUR), (timedelta(0), timedelta(minutes=5)), (DAY, DAY)):
        plan = feed.answer(Failure(reason="asked to wait", retry_after=asked), draw=0.5)
        assert plan.state.next_due == NOW + wait


def test_what_is_gone_is_looked_at_once_a_day(feed: History) -> None:
    assert feed.answer(Failure(reason="gone", retryable=False)).state.next_due == NOW + DAY


def test_a_folder_that_fails_is_looked_at_every_minute(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path))
    for _ in range(30):
        plan = history.answer(Failure(reason="no such folder"))
    assert plan.state.next_due == NOW + timedelta(minutes=1)


def test_a_folder_with_a_file_in_writing_is_looked_at_again_when_it_may_have_settled(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path, interval="5m"))
    assert history.poll(item("a.txt"), settling=True).state.next_due == NOW + timedelta(seconds=0.2)
    assert history.poll(still=["a.txt"]).state.next_due == NOW + timedelta(minutes=5)


def test_the_third_failure_in_a_row_raises_an_event_and_recovery_clears_it(feed: History) -> None:
    raised = [feed.answer(Failure(reason="too slow")).event for _ in range(6)]
    assert raised[2] == Event(
        rule="source failing",
        subject="agency",
        state="raised",
        at=NOW,
        summary="agency failed 3 times in a row: too slow",
    )
    assert [event is None for event in raised] == [True, True, False, True, True, True]
    plan = feed.poll(item("9"))
    assert plan.event
    assert (plan.event.rule, plan.event.subject, plan.event.state) == ("source failing", "agency", "cleared")
    assert (plan.state.state, plan.state.errors, plan.state.error) == ("ok", 0, None)


def test_two_failures_tell_nobody(feed: History) -> None:
    feed.answer(Failure(reason="x"))
    feed.answer(Failure(reason="x"))
    assert feed.poll(item()).event is None


def test_an_empty_feed_and_an_unchanged_one_are_no_recovery(feed: History) -> None:
    for _ in range(4):
        feed.answer(Failure(reason="too slow"))
    for answer in (Listing(items=()), Unchanged()):
        plan = feed.answer(answer)
        assert (plan.status, plan.event) == (PollStatus.FAILING, None)
        assert (plan.state.errors, plan.state.error) == (4, "too slow")
        assert plan.state.next_due == NOW + timedelta(minutes=5)


def test_an_empty_feed_and_an_unchanged_one_are_told_apart_from_a_good_one(feed: History) -> None:
    assert feed.answer(Unchanged()).state.state == "unchanged"
    assert feed.answer(Unchanged()).state.last_success == NOW
    before = feed.state
    after = feed.answer(Listing(items=())).state
    assert after == replace(before, state="empty", last_polled=NOW, next_due=NOW + timedelta(minutes=5))


def test_validators_are_kept_of_what_could_be_read_only(feed: History) -> None:
    feed.answer(Listing(items=(item("1"),), etag='"2"', last_modified="m", body_hash="h"))
    for answer in (Failure(reason="cannot be parsed"), Listing(items=(), etag='"3"', body_hash="i")):
        feed.answer(answer)
        assert (feed.state.etag, feed.state.last_modified, feed.state.body_hash) == ('"2"', "m", "h")


# --- How long sightings live ---


def test_a_listed_item_is_noted_once_a_day_so_that_it_is_never_forgotten(feed: History) -> None:
    feed.poll(item("1"))
    assert feed.poll(item("1"), now=NOW + HOUR).sightings == ()
    assert [seen.listed for seen in feed.poll(item("1"), now=NOW + DAY).sightings] == [NOW + DAY]


def test_a_feed_that_stays_unchanged_for_months_keeps_its_items(feed: History) -> None:
    feed.poll(item("1"), item("2", text="x"))
    for day in range(1, 90):
        feed.answer(Unchanged(), NOW + day * DAY)
    assert {feed.sightings[key].listed for key in "12"} == {NOW + 89 * DAY}


def test_what_a_feed_listed_once_is_not_kept_alive_by_unchanged_polls(feed: History) -> None:
    for day in range(5):
        feed.poll(item("2", text="x"), now=NOW + day * DAY)
    for day in range(5, 40):
        feed.answer(Unchanged(), NOW + day * DAY)
    assert feed.sightings["0"].listed == NOW - DAY


def test_files_that_were_not_read_again_are_still_listed(tmp_path: Path) -> None:
    history = History.of(folder_source(tmp_path))
    history.poll(item("a.txt"), now=NOW - DAY)
    plan = history.poll(item("b.txt", text="x"), still=["a.txt"])
    assert {seen.key for seen in plan.sightings} == {"a.txt", "b.txt"}
    assert plan.status is PollStatus.OK


# --- Polling: real files, a real server, the real bus and store ------------------------------------------------------


@dataclass
class World:
    bus: Bus
    store: SqlStore

    def articles(self) -> list[Article]:
        return [codec.decode(record, Article) for record in self.bus.read("articles")]

    def events(self) -> list[Event]:
        return [codec.decode(record, Event) for record in self.bus.read("events")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    bus, store = open_bus(f"sqlite:{tmp_path}/var/bus.db"), open_store(f"sqlite:{tmp_path}/var/state.db")
    yield World(bus, store)
    store.close()
    bus.close()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def poller(world: World) -> Iterator[Callable[..., Poller]]:
    made: list[Poller] = []

    def make(*sources: Source, bus: Bus | None = None, **more: Any) -> Poller:  # noqa: ANN401 - the poller's own options
        more.setdefault("fetcher", Fetcher(deadline=timedelta(seconds=5)))
        made.append(Poller(sources, bus or world.bus, world.store, clock, draw=lambda: 0.0, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def clock() -> datetime:
    return datetime.now(UTC)


def rss(*numbers: int, text: str = "نص") -> bytes:
    items = "".join(
        f"<item><title>خبر {number}</title><link>https://e.org/{number}</link><description>{text}</description></item>"
        for number in numbers
    )
    return f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()


def wait_until(condition: Callable[[], object], within: float = 20) -> None:
    end, pause = time.monotonic() + within, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.02)


def test_a_folder_is_polled_once_its_files_stand_still(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("date 2026-01-28 وصل الوفد إلى دمشق. وعقد اجتماعا.")
    (folder / "page.html").write_text((Path(__file__).parent / "data" / "articles" / "page.html").read_text())
    assert poller(folder_source(folder)).poll_all(clock()) == 0
    text, page = world.articles()
    assert (text.header.title, text.header.titled) == ("وصل الوفد إلى دمشق.", False)
    assert text.header.published == datetime(2026, 1, 28, tzinfo=UTC)
    assert page.header.url == "https://river.example.org/bridge"
    assert {text.header.held, page.header.held} == {None}
    assert world.store.source("inbox").state == "ok"


def test_a_second_run_over_the_same_folder_publishes_nothing(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("خبر أول")
    for _ in range(2):
        poller(folder_source(folder)).poll_all(clock())
    assert len(world.articles()) == 1


def test_a_file_that_is_still_being_written_is_read_when_it_is_whole(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder, source = tmp_path / "in", folder_source(tmp_path / "in", settle=timedelta(seconds=1))
    folder.mkdir()
    polling, file = poller(source), folder / "a.txt"
    for step in range(6):
        with file.open("a") as half:
            half.write(f"جزء {step}. ")
        polling.poll(source, NOW + step * timedelta(seconds=0.9))
        assert world.articles() == []
    outcome = polling.poll(source, NOW + timedelta(seconds=5.6))
    assert (outcome.published, outcome.settling) == (1, False)
    assert world.articles()[0].text.startswith("جزء 0. جزء 1.")
    assert "جزء 5." in world.articles()[0].text


def test_a_renamed_file_is_nothing_and_a_changed_one_is_a_new_version(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    polling = poller(folder_source(folder))
    (folder / "a.txt").write_text("خبر أول")
    polling.poll_all(clock())
    (folder / "a.txt").rename(folder / "b.txt")
    polling.poll_all(clock())
    assert len(world.articles()) == 1
    (folder / "b.txt").write_text("خبر أول، ومعه تحديث")
    polling.poll_all(clock())
    one, other = world.articles()
    assert one.header.id == other.header.id
    assert [one.header.revision, other.header.revision] == [1, 2]
    (folder / "c.txt").write_text("خبر ثان")
    polling.poll_all(clock())
    assert len({article.header.id for article in world.articles()}) == 2


def test_a_file_that_cannot_be_read_is_told_and_the_others_go_on(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"\xff\xfe\xff")
    (folder / "b.txt").write_text("خبر")
    assert poller(folder_source(folder)).poll_all(clock()) == 0
    assert len(world.articles()) == 1
    state = world.store.source("inbox")
    assert (state.state, state.errors) == ("ok", 0)
    assert state.error
    assert "1 not read" in state.error
    assert "a.txt" in state.error


def test_a_folder_that_is_not_there_fails_and_is_well_again_when_it_is(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    polling = poller(folder_source(tmp_path / "in"))
    for _ in range(3):
        assert polling.poll_all(clock()) == 1
    (tmp_path / "in").mkdir()
    assert polling.poll_all(clock()) == 0
    assert [event.state for event in world.events()] == ["raised", "cleared"]
    assert world.store.source("inbox").state == "empty"


def test_a_quiet_folder_is_not_written_to_the_store_at_every_look(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    (tmp_path / "in").mkdir()
    source = folder_source(tmp_path / "in")
    polling = poller(source)
    for second in range(0, 118, 2):
        polling.poll(source, NOW + timedelta(seconds=second))
    assert world.store.source("inbox").last_polled == NOW + timedelta(minutes=1)


def test_a_feed_is_fetched_parsed_and_held_back_the_first_time(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    url = server.script("/rss", Reply(rss(1, 2)), Reply(rss(1, 2, 3)))
    source = feed_source(url=url)
    polling = poller(source)
    outcome = polling.poll(source, NOW)
    assert (outcome.status, outcome.published, outcome.held) == (PollStatus.OK, 2, 2)
    outcome = polling.poll(source, NOW + HOUR)
    assert (outcome.published, outcome.held, outcome.next_due) == (1, 0, NOW + HOUR + timedelta(minutes=5))
    assert [article.header.title for article in world.articles()] == ["خبر 1", "خبر 2", "خبر 3"]


def test_an_unchanged_feed_is_asked_for_by_its_validators_and_not_parsed(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    whole = Reply(rss(1), headers={"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 08:00:00 GMT"})
    source = feed_source(url=server.script("/rss", whole, Reply(status=304), Reply(rss(1))))
    polling = poller(source)
    statuses = [polling.poll(source, NOW + number * HOUR).status for number in range(3)]
    assert statuses == [PollStatus.OK, PollStatus.UNCHANGED, PollStatus.UNCHANGED]
    assert server.asked[1].headers["if-none-match"] == '"1"'
    assert server.asked[2].headers["if-modified-since"] == "Tue, 24 Nov 2026 08:00:00 GMT"
    assert world.store.source("agency").last_success == NOW + 2 * HOUR


def test_after_an_error_the_whole_feed_is_asked_for_and_the_same_body_is_a_recovery(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    whole = Reply(rss(1), headers={"ETag": '"1"'})
    source = feed_source(url=server.script("/rss", whole, *[Reply(raw=hang_up)] * 3, whole))
    polling = poller(source)
    statuses = [polling.poll(source, NOW + number * HOUR).status.value for number in range(5)]
    assert statuses == ["ok", "failing", "failing", "failing", "ok"]
    assert "if-none-match" in server.asked[1].headers
    assert "if-none-match" not in server.asked[2].headers
    assert [event.state for event in world.events()] == ["raised", "cleared"]
    assert len(world.articles()) == 1


def test_a_broken_feed_is_marked_and_the_others_go_on(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    attributes = " ".join(f'a{number}="x"' for number in range(200_000))
    bodies = {
        "html": b"<html><p>Not here</p></html>",
        "hang": f'<rss version="2.0"><channel><item><title {attributes}>x</title></item></channel></rss>'.encode(),
        "good": rss(1),
    }
    sources = [feed_source(id=name, url=server.script(f"/{name}", Reply(body))) for name, body in bodies.items()]
    assert poller(*sources, parse_within=timedelta(seconds=2)).poll_all(NOW) == 2
    states = {state.id: state for state in world.store.sources()}
    assert {name: state.state for name, state in states.items()} == {"html": "failing", "hang": "failing", "good": "ok"}
    assert "cannot be parsed: this is no feed" in str(states["html"].error)
    assert "took longer than 2 s" in str(states["hang"].error)
    assert len(world.articles()) == 1


def test_twenty_dripping_feeds_do_not_delay_a_healthy_one(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    slow = server.script("/slow", Reply(raw=drip))
    sources = [feed_source(id=f"slow-{number}", url=slow) for number in range(20)]
    sources.append(feed_source(id="z-healthy", url=server.script("/rss", Reply(rss(1)))))
    polling = poller(*sources, fetcher=Fetcher(deadline=timedelta(seconds=60)))
    with running(polling):
        wait_until(world.store.sources, within=15)
        assert [state.id for state in world.store.sources()] == ["z-healthy"]
    assert len(world.articles()) == 1


# --- A crash between publishing and remembering ---


class Dying:
    """A bus that publishes, or a store that remembers, and then no more."""

    def __init__(self, real: Any) -> None:  # noqa: ANN401 - a bus
        self._real = real

    def publish(self, topic: str, records: Sequence[Outgoing]) -> None:
        if topic == "articles":
            raise Unavailable("the disk is full")
        self._real.publish(topic, records)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the bus has
        return getattr(self._real, name)


def test_what_could_not_be_published_is_not_remembered(
    tmp_path: Path, world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("خبر")
    sources = folder_source(folder), feed_source(url=server.script("/rss", Reply(rss(1), headers={"ETag": '"1"'})))
    dying = poller(*sources, bus=Dying(world.bus))
    for _ in range(2):
        with pytest.raises(Unavailable, match="disk is full"):
            dying.poll_all(clock())
    assert (world.store.sources(), world.store.sightings("inbox"), world.articles()) == ([], {}, [])
    poller(*sources).poll_all(clock())
    assert len(world.articles()) == 2


class Forgetful:
    """A store that dies when it is told to remember."""

    def __init__(self, real: SqlStore) -> None:
        self._real = real

    def remember(self, *_: object) -> None:
        raise Unavailable("power cut")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self._real, name)


def test_a_crash_after_publishing_repeats_the_same_version_and_loses_none(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    source = feed_source(url=server.script("/rss", Reply(rss(1, 2))))
    cut = Poller([source], world.bus, Forgetful(world.store), clock)
    with pytest.raises(Unavailable, match="power cut"):
        cut.poll_all(NOW)
    cut.close()
    poller(source).poll_all(NOW + HOUR)
    assert [article.header.title for article in world.articles()] == ["خبر 1", "خبر 2"] * 2
    assert len({(article.header.id, article.header.content_hash) for article in world.articles()}) == 2


# --- The schedule ---


class running:  # noqa: N801 - reads as a phrase
    """A poller at work in a thread of its own, until the block ends."""

    def __init__(self, polling: Poller) -> None:
        self.stop, self.errors = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._run, args=[polling])

    def _run(self, polling: Poller) -> None:
        try:
            polling.run(self.stop)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.errors.append(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def ended(self) -> bool:
        return not self._thread.is_alive()


def test_a_running_poller_finds_new_files(tmp_path: Path, world: World, poller: Callable[..., Poller]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with running(poller(folder_source(folder, interval="1s"))):
        for number in range(3):
            (folder / f"{number}.txt").write_text(f"خبر {number}")
            wait_until(lambda: len(world.articles()) == number + 1)  # noqa: B023 - called at once


def test_what_is_overdue_is_polled_at_once_and_what_is_not_due_waits(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    now = clock()
    due = {"overdue": now - 5 * HOUR, "new": None, "waiting": now + timedelta(minutes=4)}
    sources = []
    for name, at in due.items():
        sources.append(feed_source(id=name, url=server.script(f"/{name}", Reply(rss(1)))))
        if at:
            world.store.remember(SourceState(id=name, state="ok", next_due=at, last_polled=now), [], now)
    with running(poller(*sources)):
        wait_until(lambda: {asked.path for asked in server.asked} >= {"/overdue", "/new"})
        wait_until(lambda: all(world.store.source(name).state == "ok" for name in ("overdue", "new")))
    assert sorted(asked.path for asked in server.asked) == ["/new", "/overdue"]


def test_a_clock_that_was_ahead_silences_no_source(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    source = feed_source(url=server.script("/rss", Reply(rss(1))), interval="1s")
    state = SourceState(id="agency", state="ok", next_due=clock() + 365 * DAY, last_polled=clock() + 364 * DAY)
    world.store.remember(state, [], NOW)
    with running(poller(source)):
        wait_until(lambda: server.asked)


def test_a_hanging_fetch_is_given_up_at_once_when_the_poller_stops(
    world: World, server: FeedServer, poller: Callable[..., Poller]
) -> None:
    source = feed_source(url=server.script("/rss", Reply(raw=silence)))
    with running(poller(source, fetcher=Fetcher())) as run:
        wait_until(lambda: server.asked)
        started = time.monotonic()
        run.stop.set()
        wait_until(run.ended, within=4)
        assert time.monotonic() - started < 4
    assert run.errors == []
    assert world.store.sources() == []


def test_an_exception_that_nobody_expects_ends_the_poller(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("خبر")
    with running(poller(folder_source(folder), bus=Dying(world.bus))) as run:
        wait_until(run.ended)
    assert [str(error) for error in run.errors] == ["the disk is full"]


class Sharing:
    """A bus that says which shards are ours, as the broker does at scale."""

    def __init__(self, real: Bus, shards: frozenset[int]) -> None:
        self._real, self.shards = real, shards

    def own(self, _: str) -> frozenset[int]:
        return self.shards

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the bus has
        return getattr(self._real, name)


def test_two_pollers_share_the_sources_and_take_over_from_each_other(
    tmp_path: Path, world: World, poller: Callable[..., Poller]
) -> None:
    sources = []
    for number in range(12):
        folder = tmp_path / f"in-{number}"
        folder.mkdir()
        (folder / "a.txt").write_text(f"خبر {number}")
        sources.append(folder_source(folder, id=f"inbox-{number}", interval="1s"))
    everything = frozenset(range(SHARDS))
    half = frozenset(range(0, SHARDS, 2))
    one, other = Sharing(world.bus, half), Sharing(world.bus, everything - half)
    first, second = poller(*sources, bus=one), poller(*sources, bus=other)
    first.poll_all(clock())
    alone = {article.header.source for article in world.articles()}
    assert 0 < len(alone) < 12
    second.poll_all(clock())
    assert len(world.articles()) == 12
    one.shards = frozenset()
    with running(first), running(second):
        other.shards = everything
        for number in range(12):
            (tmp_path / f"in-{number}" / "b.txt").write_text(f"خبر آخر {number}")
        wait_until(lambda: len(world.articles()) == 24)


def test_threads_and_files_are_given_back(tmp_path: Path, poller: Callable[..., Poller]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "page.html").write_text("<p>كلام</p>")
    before = open_files()
    for _ in range(3):
        polling = poller(folder_source(tmp_path / "in"))
        polling.poll_all(clock())
        polling.close()
    assert open_files() <= before + 4  # connections that bus and store keep


def open_files() -> int:
    with suppress(FileNotFoundError):
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
    return pytest.skip("needs /proc")
