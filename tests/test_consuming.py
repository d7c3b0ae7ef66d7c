"""The loop over the bus: what fails is kept, what fails too often stops the stage, nothing undone is committed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor import codec
from monitor.bus import open_bus
from monitor.consuming import WINDOW, Breaker, Consuming
from monitor.errors import BreakerOpen, NewerVersion, Unavailable
from monitor.model import Article, DeadLetter, Event, Header
from monitor.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from monitor.ports import Bus

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NO_WAIT = timedelta(0)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    opened = open_bus(f"sqlite:{tmp_path}/bus.db")
    yield opened
    opened.close()


def article(name: str) -> Article:
    header = Header(id=name, source="desk", title=name, content_hash=name, first_seen=NOW)
    return Article(header=header, text=name)


def consuming(bus: Bus, handle: Callable[[Article], Iterable[Outgoing]]) -> Consuming[Article]:
    return Consuming(bus, "articles", "matcher", (Article,), handle, clock=lambda: NOW, output="matches")


def forwarding(seen: list[str]) -> Callable[[Article], list[Outgoing]]:
    def handle(value: Article) -> list[Outgoing]:
        seen.append(value.header.id)
        if value.header.id.startswith("bad"):
            raise ValueError("no good")
        return [Outgoing(key=value.header.id, value=b"result")]

    return handle


def test_results_are_published_and_the_batch_is_done_once(bus: Bus) -> None:
    bus.publish("articles", [codec.encode(article(name)) for name in "abc"])
    seen: list[str] = []
    stage = consuming(bus, forwarding(seen))
    assert stage.step(NO_WAIT)
    assert not stage.step(NO_WAIT)
    assert seen == ["a", "b", "c"]
    assert [record.key for record in bus.read("matches")] == ["a", "b", "c"]


def test_a_failing_record_is_tried_three_times_then_kept_whole_and_the_next_goes_on(bus: Bus) -> None:
    bus.publish("articles", [codec.encode(article(name)) for name in ("a", "bad", "c")])
    seen: list[str] = []
    consuming(bus, forwarding(seen)).step(NO_WAIT)
    assert seen == ["a", "bad", "bad", "bad", "c"]
    (dead,) = bus.read("dead")
    letter = codec.decode(dead, DeadLetter)
    assert (letter.topic, letter.stage, letter.error) == ("articles", "matcher", "ValueError: no good")
    assert letter.value == codec.encode(article("bad")).value
    assert [record.key for record in bus.read("matches")] == ["a", "c"]


def test_undecodable_bytes_are_a_dead_letter_at_once(bus: Bus) -> None:
    bus.publish("articles", [Outgoing(key="x", value=b"\xff{", headers={"record": "article/1"})])
    consuming(bus, forwarding([])).step(NO_WAIT)
    assert [record.key for record in bus.read("dead")] == ["x"]


def test_a_record_of_a_newer_monitor_stops_the_stage_and_nothing_is_committed(bus: Bus) -> None:
    bus.publish("articles", [Outgoing(key="x", value=b"{}", headers={"record": "article/2"})])
    for _ in range(2):
        stage = consuming(bus, forwarding([]))
        with pytest.raises(NewerVersion, match="upgrade monitor"):
            stage.step(NO_WAIT)
        stage.close()
    assert not list(bus.read("dead"))


def test_what_the_world_denies_ends_the_stage_and_the_batch_comes_again(bus: Bus) -> None:
    bus.publish("articles", [codec.encode(article("a"))])

    def denied(_: Article) -> list[Outgoing]:
        raise Unavailable("the disk is full")

    with pytest.raises(Unavailable, match="disk is full"):
        consuming(bus, denied).step(NO_WAIT)
    assert not list(bus.read("dead"))


def test_twenty_dead_letters_in_a_row_stop_the_stage_without_committing_and_raise_an_event(bus: Bus) -> None:
    bus.publish("articles", [codec.encode(article(f"bad{number}")) for number in range(30)])
    stage = consuming(bus, forwarding([]))
    with pytest.raises(BreakerOpen, match="monitor dead list"):
        stage.step(NO_WAIT)
    (event,) = bus.read("events")
    assert codec.decode(event, Event).rule == "breaker"
    assert len(list(bus.read("dead"))) == 20
    stage.close()
    seen: list[str] = []
    with pytest.raises(BreakerOpen):
        consuming(bus, forwarding(seen)).step(NO_WAIT)
    assert seen[0] == "bad0"


def test_the_breaker_opens_above_five_percent_of_the_last_thousand() -> None:
    breaker = Breaker()
    pattern = [number % 19 == 0 for number in range(WINDOW)]
    opened = [breaker.note(failed=failed) for failed in pattern]
    assert opened.index(True) == 19 * 50
    assert not any(
        Breaker().note(failed=failed) for failed in [number % 25 == 0 for number in range(3 * WINDOW)][:1000]
    )


def test_the_loop_stops_promptly_when_told(bus: Bus) -> None:
    import threading

    stop = threading.Event()
    stage = consuming(bus, forwarding([]))
    thread = threading.Thread(target=stage.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
