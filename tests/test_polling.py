import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from apscheduler.schedulers.blocking import BlockingScheduler

from monitor import codec
from monitor.bus import open_bus
from monitor.errors import Unavailable
from monitor.ingest.deciding import PollStatus
from monitor.ingest.fetching import Fetcher
from monitor.ingest.identity import Item
from monitor.ingest.polling import Poller
from monitor.model import Article, Event
from monitor.ports import SHARDS, Bus, Outgoing, SourceState
from monitor.settings import Source
from monitor.store.sql import SqlStore, open_store
from tests.feedserver import FeedServer, Reply, drip, hang_up, silence

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def feed_source(**more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate(
        {"id": "agency", "url": "https://e.org/rss", "lang": "ar", "tier": 1, "internal": True} | more
    )


def folder_source(folder: Path, **more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "inbox", "folder": folder, "settle": timedelta(seconds=0.2)} | more)


def item(key: str = "1", text: str = "نص الخبر", published: datetime | None = NOW - HOUR, **more: Any) -> Item:  # noqa: ANN401 - the record's own fields
    return Item.of(key=key, title=more.pop("title", f"عنوان {key}"), text=text, published=published, **more)


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
    assert "cannot be parsed: this is a web page, no feed" in str(states["html"].error)
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


def test_a_clock_that_goes_back_while_it_runs_silences_no_source(world: World, server: FeedServer) -> None:
    ahead = [DAY]
    url = server.script("/rss", Reply(rss(1)), Reply(rss(1)))
    source = feed_source(url=url, interval="1s", adaptive=False)
    polling = Poller([source], world.bus, world.store, lambda: clock() + sum(ahead, timedelta(0)))
    with running(polling):
        wait_until(lambda: polling.turned_at)
        assert world.articles() == []
        ahead.clear()
        wait_until(world.articles)


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


def test_a_schedule_that_stops_by_itself_ends_the_poller(
    tmp_path: Path, poller: Callable[..., Poller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlockingScheduler, "_main_loop", lambda _: None)
    with pytest.raises(RuntimeError, match="the schedule has stopped"):
        poller(folder_source(tmp_path)).run(threading.Event())


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
