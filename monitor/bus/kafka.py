"""The bus on Apache Kafka: topics of eight partitions, consumer groups, durable when all in-sync replicas have it.

Hides kafka-python: its threads, its time-outs, and the defaults that would lose records without a word (auto-commit,
starting at the end, an idempotence that is switched off by other settings). Bus time is the broker's append time.
Uses no Kafka transactions: effects are idempotent by key.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata

from monitor.errors import Lost, Unavailable
from monitor.ports import SHARDS, TOPICS, Gap, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from kafka.consumer.fetcher import ConsumerRecord

    from monitor.ports import Outgoing

log = structlog.get_logger(__name__)

PARTITIONS: Final = 8
OWNERSHIP: Final = "pollers"
RECORD_BYTES: Final = 8 * 1024 * 1024
"""The largest record: an article of 5 MB with its header, as JSON."""
BATCH_RECORDS: Final = 500
REACH: Final = timedelta(seconds=8)
"""How long a broker may take to answer at all."""
PARTING: Final = timedelta(seconds=2)
"""How long leaving may take. In the middle of a rebalance the broker answers late, and the session just ends."""
DELIVERY: Final = timedelta(seconds=30)
"""How long a publish may take, the broker's restart included."""
RETENTION: Final = timedelta(days=30)
"""The archive that backtests replay, and the longest outage that loses nothing."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_LOSSES: Final = (
    kafka_errors.CommitFailedError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.FencedInstanceIdError,
)


class KafkaBus:
    """The topics on the cluster that ``servers`` belong to; those that are missing are made.

    Raises:
        Unavailable: no broker answers within 10 s, or topics cannot be made.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._guard = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._ownerships: dict[str, _Ownership] = {}
        _find_listener(self._servers)
        with self._world():
            self._make_topics()

    def publish(self, topic: str, records: Iterable[Outgoing]) -> None:
        """Send all, and wait until every one is acknowledged by all in-sync replicas."""
        with self._world():
            producer = self._producing()
            try:
                sent = [
                    producer.send(
                        topic,
                        key=record.key.encode(),
                        value=record.value,
                        headers=[(name, text.encode()) for name, text in record.headers.items()],
                    )
                    for record in records
                ]
                producer.flush(timeout=(DELIVERY + REACH).total_seconds())  # by then every record came or failed
                for future in sent:
                    future.get(timeout=0)
            except kafka_errors.KafkaError:
                self._drop(producer)
                raise

    def consume(self, topic: str, group: str) -> KafkaGroupConsumer:
        """Join the group; the broker shares the partitions out among its members."""
        with self._world():
            consumer = KafkaConsumer(
                **self._reach(),
                **_FETCHING,
                **_MEMBERSHIP,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_poll_records=BATCH_RECORDS,
            )
        return KafkaGroupConsumer(self, consumer, topic)

    def read(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Record]:
        """Replay each partition in order; what comes together is sorted by append time."""
        with self._world(), closing(self._reader()) as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            ends = _offsets_at(consumer, partitions, until, consumer.end_offsets(partitions))
            starts = _offsets_at(consumer, partitions, since, ends, consumer.beginning_offsets(partitions))
        return self._replay({partition: (starts[partition], ends[partition]) for partition in partitions})

    def own(self, group: str) -> frozenset[int]:
        """Return the partitions of an empty topic that the broker gave this process; other pollers have the rest.

        Raises:
            Unavailable: the group cannot be joined.
        """
        with self._guard:
            if group not in self._ownerships:
                with self._world():
                    consumer = KafkaConsumer(**self._reach(), **_MEMBERSHIP, group_id=group, enable_auto_commit=False)
                self._ownerships[group] = _Ownership(consumer)
        with self._world():
            return self._ownerships[group].shards()

    def trim(self, topic: str, before: datetime) -> int:  # noqa: ARG002 - the broker keeps retention
        """Return 0: the topics carry their own retention."""
        return 0

    def close(self) -> None:
        """Leave the pollers' groups and end the producer; consumers are closed by who made them."""
        with self._guard:
            while self._ownerships:
                self._ownerships.popitem()[1].close()
            if self._producer:
                self._producer.close(timeout=PARTING.total_seconds())  # publish has waited for everything sent
                self._producer = None

    def _reach(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._servers,
            "client_id": "monitor",
            "bootstrap_timeout_ms": _milliseconds(REACH),
            "reconnect_backoff_max_ms": 1_000,
            "request_timeout_ms": 15_000,
        }

    def _producing(self) -> KafkaProducer:
        with self._guard:
            if self._producer is None:
                self._producer = KafkaProducer(
                    **self._reach(),
                    enable_idempotence=True,
                    acks="all",
                    delivery_timeout_ms=_milliseconds(DELIVERY),
                    max_block_ms=_milliseconds(REACH),
                    max_request_size=RECORD_BYTES,
                )
            return self._producer

    def _drop(self, producer: KafkaProducer) -> None:
        """Let go of a producer that failed: what it may still hold must not mix with the caller's next attempt."""
        with self._guard:
            if self._producer is producer:
                self._producer = None
        with suppress(kafka_errors.KafkaError):
            producer.close(timeout=0)

    def _reader(self) -> KafkaConsumer:
        return KafkaConsumer(
            **self._reach(), **_FETCHING, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )

    def _replay(self, spans: Mapping[TopicPartition, tuple[int, int]]) -> Iterator[Record]:
        ends = {partition: end for partition, (start, end) in spans.items() if start < end}
        if not ends:
            return
        with self._world(), closing(self._reader()) as consumer:
            consumer.assign(list(ends))
            for partition in ends:
                consumer.seek(partition, spans[partition][0])
            deadline = time.monotonic() + DELIVERY.total_seconds()
            while ends:
                fetched = consumer.poll(timeout_ms=500)
                records = [record for some in fetched.values() for record in map(_record, some)]
                yield from sorted(
                    (record for record in records if record.offset < spans[_partition(record)][1]),
                    key=lambda record: record.at,
                )
                if reached := [one for one, end in ends.items() if (consumer.position(one, 0) or 0) >= end]:
                    consumer.pause(*reached)
                    ends = {one: end for one, end in ends.items() if one not in reached}
                if fetched:
                    deadline = time.monotonic() + DELIVERY.total_seconds()
                elif time.monotonic() > deadline:
                    raise Unavailable(f"{self} does not answer; a replay stopped half-way, begin it again")

    def _make_topics(self) -> None:
        with closing(KafkaAdminClient(**self._reach())) as admin:
            missing = {*TOPICS, OWNERSHIP} - set(admin.list_topics())
            if not missing:
                return
            replicas = min(3, len(admin.describe_cluster()["brokers"]))
            try:
                admin.create_topics({name: _topic(name, replicas) for name in sorted(missing)}, wait_for_metadata=True)
            except kafka_errors.TopicAlreadyExistsError:  # another stage started at the same moment
                admin.wait_for_topics(sorted(missing))
            log.info("topics made", topics=sorted(missing), replicas=replicas)

    @contextmanager
    def _world(self) -> Iterator[None]:
        try:
            yield
        except kafka_errors.KafkaError as error:
            raise self.unavailable(error) from error

    def unavailable(self, error: Exception) -> Unavailable:
        """Say in one line that the cluster keeps us from working, and why."""
        reason = " ".join(str(error).split())  # kafka-python begins it with the error's name
        return Unavailable(f"{self} cannot do its work; see that a broker runs there ({reason})")

    def __str__(self) -> str:
        """Return the address."""
        return f"kafka://{','.join(self._servers)}"


@dataclass(frozen=True, slots=True)
class KafkaBatch:
    """Records of some partitions, each with where it ends and the tenure under which it was fetched."""

    consumer: KafkaGroupConsumer
    records: Sequence[Record]
    gaps: Sequence[Gap]
    ends: Mapping[TopicPartition, int]
    tenures: Mapping[TopicPartition, int]

    def done(self) -> None:
        """Commit each partition that is still ours; tell when one is not."""
        self.consumer.commit(self.ends, self.tenures)


class KafkaGroupConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """One member of a group. Each time a partition comes to it, a new tenure of that partition begins."""

    def __init__(self, bus: KafkaBus, consumer: KafkaConsumer, topic: str) -> None:
        self._bus, self._consumer = bus, consumer
        self._held: dict[TopicPartition, int] = {}
        self._tenures = 0
        _join(consumer, topic, self)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a tenure of each."""
        self._tenures += 1
        self._held |= dict.fromkeys(assigned, self._tenures)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """End the tenures; without a commit, because batches that are not done must be repeated elsewhere."""
        for partition in revoked:
            self._held.pop(partition, None)

    def poll(self, wait: timedelta) -> KafkaBatch | None:
        """Return what came within ``wait``; a gap is told at once, in a batch of its own."""
        deadline = time.monotonic() + wait.total_seconds()
        try:
            while True:
                left = max(0.0, deadline - time.monotonic())
                try:
                    fetched = self._consumer.poll(timeout_ms=left * 1000)
                except kafka_errors.NoOffsetForPartitionError as error:
                    self._begin(error.args[0])
                except kafka_errors.OffsetOutOfRangeError as error:
                    return self._batch((), self._resume(error.args[0]))
                else:
                    return self._batch([record for some in fetched.values() for record in map(_record, some)])
        except kafka_errors.KafkaError as error:
            raise self._bus.unavailable(error) from error

    def commit(self, ends: Mapping[TopicPartition, int], tenures: Mapping[TopicPartition, int]) -> None:
        """Commit ``ends`` for the partitions whose tenure still lasts.

        Raises:
            Lost: that is not all of them; or a rebalance is under way, and who gets which is not known yet.
            Unavailable: the broker did not store it.
        """
        lost = [partition for partition, tenure in tenures.items() if self._held.get(partition) != tenure]
        kept = {partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items() if partition not in lost}
        try:
            if kept:
                self._consumer.commit(kept, timeout_ms=_milliseconds(REACH))
        except _LOSSES as error:
            raise Lost(f"the group was rebalanced before a batch was done ({type(error).__name__})") from error
        except kafka_errors.KafkaError as error:
            raise self._bus.unavailable(error) from error
        if lost:
            names = ", ".join(f"{partition.topic}/{partition.partition}" for partition in sorted(lost))
            raise Lost(f"{names} went to another consumer before a batch was done")

    def close(self) -> None:
        """Leave the group, so that others need not wait for its session to end."""
        self._held.clear()
        self._consumer.close(autocommit=False, timeout_ms=_milliseconds(PARTING))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group."""
        self.close()

    def _batch(self, records: Sequence[Record], gaps: Sequence[Gap] = ()) -> KafkaBatch | None:
        if not records and not gaps:
            return None
        ends = {TopicPartition(gap.topic, gap.partition): gap.end for gap in gaps}
        ends |= {_partition(record): record.offset + 1 for record in records}
        return KafkaBatch(self, records, gaps, ends, {partition: self._held[partition] for partition in ends})

    def _begin(self, partitions: Iterable[TopicPartition]) -> None:
        """Start partitions at their beginning, and commit that.

        Without the commit a group that has read nothing yet would not notice what retention takes from it.
        """
        beginnings = self._consumer.beginning_offsets(list(partitions), timeout_ms=_milliseconds(REACH))
        for partition, offset in beginnings.items():
            self._consumer.seek(partition, offset)
        begun = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in beginnings.items()}
        try:
            self._consumer.commit(begun, timeout_ms=_milliseconds(REACH))
        except _LOSSES:
            log.info("group rebalanced while it began")

    def _resume(self, passed: Mapping[TopicPartition, int]) -> list[Gap]:
        """Go on at the earliest record; when the log is shorter than it was, the gap is empty but told."""
        beginnings = self._consumer.beginning_offsets(list(passed), timeout_ms=_milliseconds(REACH))
        for partition, offset in beginnings.items():
            self._consumer.seek(partition, offset)
        return [
            Gap(topic=one.topic, partition=one.partition, start=min(passed[one], offset), end=offset)
            for one, offset in beginnings.items()
        ]


class _Ownership(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """A member of the pollers' group, kept alive by a thread of its own however long a poll takes."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self._changed = threading.Condition()
        self._shards: frozenset[int] = frozenset()
        self._settled = False
        self._failure: Exception | None = None
        self._stop = threading.Event()
        _join(consumer, OWNERSHIP, self)
        self._thread = threading.Thread(target=self._keep, name="shards", daemon=True)
        self._thread.start()

    def shards(self) -> frozenset[int]:
        """Return the shards of this moment; the first time, wait for the group to give some."""
        with self._changed:
            if not self._settled:
                self._changed.wait_for(lambda: self._shards or self._failure, REACH.total_seconds())
                self._settled = True
            if self._failure:
                raise self._failure
            return self._shards

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take shards; there is nothing to fetch in them."""
        self._consumer.pause(*assigned)
        self._set(self._shards | {one.partition for one in assigned})

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give shards up."""
        self._set(self._shards - {one.partition for one in revoked})

    def close(self) -> None:
        """Leave the group."""
        self._stop.set()
        self._thread.join()

    def _set(self, shards: frozenset[int]) -> None:
        with self._changed:
            self._shards = shards
            self._changed.notify_all()

    def _keep(self) -> None:
        try:
            while not self._stop.is_set():
                self._consumer.poll(timeout_ms=200)
        except Exception as error:  # noqa: BLE001 - told to whoever asks next
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            self._consumer.close(timeout_ms=_milliseconds(PARTING))


_MEMBERSHIP: Final = {
    "partition_assignment_strategy": [CooperativeStickyAssignor],
    "session_timeout_ms": 10_000,  # a killed member's partitions are taken over this fast
    "heartbeat_interval_ms": 1_000,  # a member learns of a rebalance this fast
    "metadata_max_age_ms": 30_000,  # partitions that were added are consumed this fast
}
_FETCHING: Final = {
    "max_partition_fetch_bytes": RECORD_BYTES,
    "fetch_max_bytes": 2 * RECORD_BYTES,
    "allow_auto_create_topics": False,
}


def _join(consumer: KafkaConsumer, topic: str, listener: ConsumerRebalanceListener) -> None:
    """Subscribe once the topic's partitions are known.

    kafka-python 3.0 drops the question for a topic that is subscribed to while its first question for metadata is
    under way. The group would then have nothing to share out until the metadata have aged.
    """
    consumer.partitions_for_topic(topic)
    consumer.subscribe([topic], listener=listener)


def _find_listener(servers: Sequence[str]) -> None:
    """Say at once, with the system's own words, when no server listens: kafka-python would try on, and leak sockets."""
    reasons = []
    for server in servers:
        host, _, port = server.partition(":")
        try:
            socket.create_connection((host, port or "9092"), REACH.total_seconds() / len(servers)).close()
        except OSError as error:
            reasons.append(f"{server}: {error.strerror or error}")
        else:
            return
    raise Unavailable(f"no Kafka broker listens ({'; '.join(reasons)}); start it, or correct `bus:`")


def _topic(name: str, replicas: int) -> dict[str, Any]:
    configs = {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(_milliseconds(RETENTION)),
        "max.message.bytes": str(RECORD_BYTES),
        "min.insync.replicas": str(max(1, replicas - 1)),
    }
    partitions = SHARDS if name == OWNERSHIP else PARTITIONS
    return {"num_partitions": partitions, "replication_factor": replicas, "configs": configs}


def _offsets_at(
    consumer: KafkaConsumer,
    partitions: Sequence[TopicPartition],
    at: datetime | None,
    ends: Mapping[TopicPartition, int],
    default: Mapping[TopicPartition, int] | None = None,
) -> Mapping[TopicPartition, int]:
    """Find the first offset appended at ``at`` or later; ``ends`` where there is none, ``default`` without ``at``."""
    if at is None:
        return default or ends
    found = consumer.offsets_for_times(dict.fromkeys(partitions, max(0, -((_EPOCH - at) // _MILLISECOND))))
    return {one: min(found[one].offset, ends[one]) if found.get(one) else ends[one] for one in partitions}


def _record(record: ConsumerRecord) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode("utf-8", "replace"),
        value=record.value or b"",
        headers={name: (value or b"").decode("utf-8", "replace") for name, value in record.headers},
        at=_EPOCH + record.timestamp * _MILLISECOND,
    )


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _milliseconds(span: timedelta) -> int:
    return span // _MILLISECOND
