"""What every bus promises, held against each implementation."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from monitor.bus import open_bus
from monitor.errors import Lost, Unavailable
from monitor.ports import SHARDS, TOPICS, Outgoing
from tests.broker import emptied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.ports import Batch, Bus, Consumer, Record

# kafka-python sometimes leaves a socket to the garbage collector when a client is closed in the middle of a request.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

PATIENCE = timedelta(seconds=30)
SHORT = timedelta(milliseconds=300)
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def numbered(count: int, *, keys: int = 10, start: int = 0) -> list[Outgoing]:
    return [Outgoing(key=f"k{number % keys}", value=str(number).encode()) for number in range(start, start + count)]


def values(records: Iterable[Record]) -> list[int]:
    return [int(record.value) for record in records]


def batches_of(consumer: Consumer, count: int) -> list[Batch]:
    """Poll until ``count`` records, gaps counted in, have come."""
    batches: list[Batch] = []
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while (come := sum(map(accounted, batches))) < count:
        assert time.monotonic() < deadline, f"{come} of {count} records came"
        if batch := consumer.poll(SHORT):
            batches.append(batch)
    return batches


def accounted(batch: Batch) -> int:
    return len(batch.records) + sum(gap.end - gap.start for gap in batch.gaps)


def records_of(batches: Sequence[Batch]) -> list[Record]:
    return [record for batch in batches for record in batch.records]


def take(bus: Bus, group: str, count: int, topic: str = "articles") -> list[Record]:
    """Join, read ``count`` records, have them done, leave."""
    with bus.consume(topic, group) as consumer:
        batches = batches_of(consumer, count)
        for batch in batches:
            batch.done()
        return records_of(batches)


def retain_nothing(bus: Bus, address: str, topic: str) -> None:
    """Let retention take all that it may."""
    bus.trim(topic, FAR_OFF)
    if address.startswith("kafka:"):
        emptied(address, topic)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


# --- Publishing ----------------------------------------------------------------------------------------------------


def test_what_publish_returned_from_is_there_for_whoever_opens_the_bus_next(address: str, bus: Bus) -> None:
    bus.publish("articles", numbered(20))
    other = open_bus(address)
    try:
        assert sorted(values(other.read("articles"))) == list(range(20))
    finally:
        other.close()


def test_records_come_back_byte_for_byte(bus: Bus, group: str) -> None:
    sent = [
        Outgoing(key="مفتاح", value=bytes(range(256)), headers={"record": "article/1", "note": "خبر", "empty": ""}),
        Outgoing(key="", value=b""),
    ]
    bus.publish("dead", sent)
    before = datetime.now(UTC)
    received = {record.key: record for record in take(bus, group, 2, "dead")}
    for one in sent:
        record = received[one.key]
        assert (record.topic, record.value, dict(record.headers)) == ("dead", one.value, dict(one.headers))
        assert abs(record.at - before) < timedelta(minutes=1)
        assert record.at.tzinfo is not None


def test_a_record_of_three_megabytes_passes(bus: Bus, group: str) -> None:
    text = os.urandom(3_000_000)
    bus.publish("articles", [Outgoing(key="large", value=text), Outgoing(key="large", value=b"next")])
    assert [record.value for record in take(bus, group, 2)] == [text, b"next"]
    assert [record.value for record in bus.read("articles")] == [text, b"next"]


def test_publishing_nothing_is_nothing(bus: Bus) -> None:
    bus.publish("articles", [])
    assert list(bus.read("articles")) == []


def test_order_is_kept_within_each_key_whoever_else_publishes(bus: Bus, group: str) -> None:
    def publish(name: str) -> None:
        for start in range(0, 100, 10):
            bus.publish(
                "matches",
                [
                    Outgoing(key=f"{name}{number % 3}", value=str(number).encode())
                    for number in range(start, start + 10)
                ],
            )

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(publish, "abc"))
    received = take(bus, group, 300, "matches")
    for key in {record.key for record in received}:
        of_key = values(record for record in received if record.key == key)
        assert of_key == sorted(of_key)
    assert len(received) == 300


def test_topics_are_apart(bus: Bus, group: str) -> None:
    bus.publish("matches", numbered(3))
    bus.publish("articles", numbered(3, start=100))
    assert sorted(values(take(bus, group, 3, "matches"))) == [0, 1, 2]


# --- Consuming -----------------------------------------------------------------------------------------------------


def test_poll_returns_none_when_nothing_came_within_the_wait(bus: Bus, group: str) -> None:
    with bus.consume("articles", group) as consumer:
        begun = time.monotonic()
        assert consumer.poll(SHORT) is None
        assert SHORT.total_seconds() * 0.9 <= time.monotonic() - begun < 5


def test_poll_wakes_when_something_is_published(bus: Bus, group: str) -> None:
    def next_batch() -> Batch | None:
        with bus.consume("articles", group) as consumer:
            return consumer.poll(PATIENCE)

    with ThreadPoolExecutor(1) as threads:
        polled = threads.submit(next_batch)
        bus.publish("articles", numbered(1))
        batch = polled.result(timeout=PATIENCE.total_seconds() / 2)
    assert batch
    assert values(batch.records) == [0]


def test_a_group_goes_on_after_what_was_done(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(30))
    assert sorted(values(take(bus, group, 30))) == list(range(30))
    bus.publish("articles", numbered(5, start=30))
    assert sorted(values(take(bus, group, 5))) == list(range(30, 35))


def test_what_was_not_done_comes_again(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(30))
    with bus.consume("articles", group) as consumer:
        assert len(records_of(batches_of(consumer, 30))) == 30
    assert sorted(values(take(bus, group, 30))) == list(range(30))


def test_a_consumer_that_goes_on_without_done_gets_what_follows(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(10))
    with bus.consume("articles", group) as consumer:
        batches_of(consumer, 10)
        bus.publish("articles", numbered(10, start=10))
        assert sorted(values(records_of(batches_of(consumer, 10)))) == list(range(10, 20))


def test_groups_know_nothing_of_each_other(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(10))
    assert sorted(values(take(bus, group, 10))) == list(range(10))
    assert sorted(values(take(bus, f"{group}-other", 10))) == list(range(10))


def test_a_batch_is_of_five_hundred_records_at_most(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(1200))
    with bus.consume("articles", group) as consumer:
        batches = batches_of(consumer, 1200)
    assert max(len(batch.records) for batch in batches) <= 500
    assert sorted(values(records_of(batches))) == list(range(1200))


def test_closing_twice_is_harmless(bus: Bus, group: str) -> None:
    consumer = bus.consume("articles", group)
    consumer.close()
    consumer.close()
    bus.close()
    bus.close()


# --- Rebalance and crash -------------------------------------------------------------------------------------------


@contextmanager
def joining(bus: Bus, address: str, group: str, first: Consumer) -> Iterator[list[Record]]:
    """Let another member take some of the first's records, in a thread of its own; it has nothing done.

    On Kafka it joins and both agree; embedded the first must let go.
    """
    come: list[Record] = []
    over = threading.Event()

    def work() -> None:
        with bus.consume("articles", group) as consumer:
            while not over.is_set():
                if batch := consumer.poll(SHORT):
                    come.extend(batch.records)

    def has_come() -> bool:
        if not embedded:
            first.poll(SHORT)  # a member takes part in a rebalance while it polls
        return bool(come)

    embedded = address.startswith("sqlite:")
    if embedded:
        first.close()
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            until(has_come)
            yield come
        finally:
            over.set()
        working.result()


def loss(batch: Batch) -> str:
    """Try to have a batch done; return how it was lost, if it was."""
    try:
        batch.done()
    except Lost as error:
        return str(error)
    return ""


def test_a_batch_whose_partition_went_elsewhere_is_lost_and_repeated_there(address: str, bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(100, keys=40))
    with bus.consume("articles", group) as first:
        batches = batches_of(first, 100)
        with joining(bus, address, group, first) as repeated:
            assert any(map(loss, batches))
    assert set(values(repeated)) <= set(range(100))


def test_nothing_is_lost_when_a_member_joins_in_the_middle_of_a_batch(address: str, bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(100, keys=40))
    with bus.consume("articles", group) as first:
        batches_of(first, 100)
        with joining(bus, address, group, first) as repeated:
            first.close()
            until(lambda: len(repeated) >= 100)
    assert sorted(values(repeated)) == list(range(100))


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_partitions_that_stayed_are_committed_when_others_are_lost(empty_kafka: str, group: str) -> None:
    with closing(open_bus(empty_kafka)) as bus:
        bus.publish("articles", numbered(100, keys=40))
        with bus.consume("articles", group) as first:
            batches = batches_of(first, 100)
            with joining(bus, empty_kafka, group, first):
                told: list[str] = []

                def agreed() -> bool:
                    first.poll(SHORT)
                    told[:] = map(loss, batches)  # while the rebalance lasts, it is not known who gets what
                    return "went to another consumer" in " ".join(told)

                until(agreed)
        lost = set(map(int, re.findall(r"articles/(\d)", " ".join(told))))
        expected = [record for record in records_of(batches) if record.partition in lost]
        assert 0 < len(expected) < 100
        assert sorted(values(take(bus, group, len(expected)))) == sorted(values(expected))


def test_done_after_close_is_lost(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(5))
    with bus.consume("articles", group) as consumer:
        (batch, *_) = batches_of(consumer, 5)
    with pytest.raises(Lost):
        batch.done()
    assert sorted(values(take(bus, group, 5))) == list(range(5))


CRASHING = """
import signal, sys
from datetime import timedelta
from monitor.bus import open_bus
address, group = sys.argv[1:]
consumer = open_bus(address).consume("articles", group)
come = 0
while come < 20:
    batch = consumer.poll(timedelta(seconds=1))
    come += len(batch.records) if batch else 0
print("effect", flush=True)
signal.pause()
batch.done()
"""


def test_a_crash_between_effect_and_done_repeats_the_batch(address: str, bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(20))
    child = subprocess.Popen(
        [sys.executable, "-c", CRASHING, address, group], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with child:
        assert child.stdout
        assert child.stdout.readline() == "effect\n"
        child.send_signal(signal.SIGKILL)
    assert sorted(values(take(bus, group, 20))) == list(range(20))


# --- Retention -----------------------------------------------------------------------------------------------------


def test_retention_never_passes_a_group_unnoticed(address: str, bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(10, keys=1))
    take(bus, group, 10)
    bus.publish("articles", numbered(7, keys=1, start=10))
    retain_nothing(bus, address, "articles")
    bus.publish("articles", numbered(1, keys=1, start=17))
    with bus.consume("articles", group) as consumer:
        batches = batches_of(consumer, 8)
        for batch in batches:
            batch.done()
    assert sum(map(accounted, batches)) == 8
    assert values(records_of(batches))[-1] == 17


def test_retention_is_noticed_by_a_group_that_has_joined_and_read_nothing(address: str, bus: Bus, group: str) -> None:
    with bus.consume("articles", group) as consumer:
        joined(consumer, address)
    bus.publish("articles", numbered(7, keys=1))
    retain_nothing(bus, address, "articles")
    with bus.consume("articles", group) as consumer:
        assert sum(map(accounted, batches_of(consumer, 7))) == 7


def joined(consumer: Consumer, address: str) -> None:
    """Poll until the consumer has its place in the group."""
    for _ in range(1 if address.startswith("sqlite:") else 10):
        assert consumer.poll(SHORT) is None


def test_a_gap_is_told_once(address: str, bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(3, keys=1))
    take(bus, group, 3)
    bus.publish("articles", numbered(4, keys=1))
    retain_nothing(bus, address, "articles")
    with bus.consume("articles", group) as consumer:
        for batch in batches_of(consumer, 4):
            batch.done()
    with bus.consume("articles", group) as consumer:
        assert consumer.poll(SHORT * 5) is None


# --- Replay --------------------------------------------------------------------------------------------------------


def test_replay_ends_where_the_log_ended_when_it_was_asked_for(bus: Bus) -> None:
    bus.publish("articles", numbered(1100))
    replay = bus.read("articles")
    bus.publish("articles", numbered(10, start=1100))
    come = [next(replay)]
    bus.publish("articles", numbered(10, start=1110))
    come += replay
    assert sorted(values(come)) == list(range(1100))


def test_replay_moves_no_group(bus: Bus, group: str) -> None:
    bus.publish("articles", numbered(10))
    take(bus, group, 10)
    bus.publish("articles", numbered(2, start=10))
    assert len(list(bus.read("articles"))) == 12
    assert sorted(values(take(bus, group, 2))) == [10, 11]


def test_replay_takes_since_and_leaves_until(bus: Bus) -> None:
    instants = []
    for number in range(3):
        bus.publish("articles", numbered(5, start=5 * number))
        last = max(record.at for record in bus.read("articles"))
        instants.append(last)
        wait_past(last)
    first, second, third = instants
    just_after = timedelta(milliseconds=1)
    assert sorted(values(bus.read("articles", since=first + just_after))) == list(range(5, 15))
    assert sorted(values(bus.read("articles", until=second + just_after))) == list(range(10))
    assert sorted(values(bus.read("articles", first + just_after, second + just_after))) == list(range(5, 10))
    assert list(bus.read("articles", since=third + just_after)) == []
    assert list(bus.read("articles", until=first - timedelta(hours=1))) == []
    assert len(list(bus.read("articles", since=third, until=third + timedelta(days=1)))) >= 1


def wait_past(instant: datetime) -> None:
    """Let the next record be appended two milliseconds later at least: bus time has no finer grain everywhere."""
    while datetime.now(UTC) < instant + timedelta(milliseconds=2):
        os.sched_yield()


def test_replay_of_nothing_is_empty(bus: Bus) -> None:
    assert list(bus.read("events")) == []


# --- Ownership -----------------------------------------------------------------------------------------------------


def test_a_poller_that_is_alone_owns_every_shard(bus: Bus, group: str) -> None:
    assert bus.own(group) == frozenset(range(SHARDS))
    assert bus.own(group) == frozenset(range(SHARDS))


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_pollers_share_the_shards_and_inherit_them(empty_kafka: str, group: str) -> None:
    everything = frozenset(range(SHARDS))
    first, second = open_bus(empty_kafka), open_bus(empty_kafka)
    try:
        assert first.own(group) == everything
        assert second.own(group)
        until(lambda: not first.own(group) & second.own(group) and first.own(group) | second.own(group) == everything)
        assert 16 <= len(first.own(group)) <= 48
        first.close()
        until(lambda: second.own(group) == everything)
    finally:
        first.close()
        second.close()


def test_a_broker_out_of_reach_is_told_in_one_line_and_soon(unused_port: int) -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        open_bus(f"kafka://127.0.0.1:{unused_port}")
    assert time.monotonic() - begun < 12
    assert f"127.0.0.1:{unused_port}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_topics_are_made_as_the_design_has_them(empty_kafka: str) -> None:
    servers = empty_kafka.removeprefix("kafka://").split(",")
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics([*TOPICS, "pollers"])}
        articles = described(admin, "articles")
    assert partitions == {"articles": 8, "matches": 8, "events": 8, "dead": 8, "pollers": 64}
    assert articles["message.timestamp.type"] == "LogAppendTime"
    assert articles["cleanup.policy"] == "delete"
    assert int(articles["retention.ms"]) == timedelta(days=30) // timedelta(milliseconds=1)
    assert int(articles["max.message.bytes"]) > 5_000_000


def described(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: str(entry["value"]) for name, entry in found["topic"][topic].items()}
