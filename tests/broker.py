"""A real Apache Kafka broker for the tests: the one that ``MONITOR_TEST_KAFKA`` names, else one started here.

The broker belongs to the tests: `emptied` throws away what its topics hold. Maven brings the jars once, into
``.cache/kafka``. Where Java, Maven or the jars are missing, tests skip on a laptop and fail when ``CI=true``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
POM: Final = ROOT / "tests/data/kafka/pom.xml"
DOWNLOAD_SECONDS: Final = 300
START_SECONDS: Final = 60
CLUSTER: Final = "monitor-tests-clusterA"
"""A UUID as Kafka writes one; a random one may begin with a dash, which the tool takes for an option."""
PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={logs}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


@contextmanager
def kafka_broker() -> Iterator[str]:
    """Yield the address, ``kafka://host:port``, of a broker that answers."""
    if given := os.environ.get("MONITOR_TEST_KAFKA"):
        yield given if given.startswith("kafka://") else f"kafka://{given}"
        return
    jars = _jars()
    with tempfile.TemporaryDirectory(prefix="monitor-kafka-") as folder, _running(jars, Path(folder)) as port:
        yield f"kafka://127.0.0.1:{port}"


def emptied(address: str, *topics: str) -> None:
    """Throw away every record of these topics, as retention would."""
    from kafka import KafkaAdminClient, TopicPartition

    with closing(KafkaAdminClient(bootstrap_servers=address.removeprefix("kafka://").split(","))) as admin:
        found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(list(topics))}
        admin.delete_records(
            {TopicPartition(name, one["partition_index"]): -1 for name, ones in found.items() for one in ones}
        )


def _missing(what: str) -> NoReturn:
    line = f"no Kafka broker for the tests: {what}; set MONITOR_TEST_KAFKA=host:port, or install Java 17 and Maven"
    if os.environ.get("CI") == "true":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def _jars() -> Path:
    for program in ("java", "mvn"):
        if not shutil.which(program):
            _missing(f"{program} is not there")
    jars = ROOT / ".cache/kafka" / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{jars}.lock"):
        if not jars.exists():
            _download(jars)
    return jars


def _download(jars: Path) -> None:
    fresh = jars.with_suffix(".part")
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _missing(f"Maven did not bring the jars within {DOWNLOAD_SECONDS} s")
    if done.returncode:
        _missing("Maven did not bring the jars: " + next(iter(done.stdout.strip().splitlines()), "no reason given"))
    fresh.rename(jars)


@contextmanager
def _running(jars: Path, folder: Path) -> Iterator[int]:
    port, controller = _free_ports()
    config = folder / "server.properties"
    config.write_text(PROPERTIES.format(port=port, controller=controller, logs=folder / "logs"), "utf-8")
    java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    with (folder / "output").open("wb") as output:
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(config)],
            stdout=output,
            stderr=output,
            check=True,
        )
        process = subprocess.Popen([*java, "kafka.Kafka", str(config)], stdout=output, stderr=output)
    try:
        _await_answer(process, port, folder / "output")
        yield port
    finally:
        process.kill()  # its data go with the folder, so it need not take leave
        process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _await_answer(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, KafkaError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            with closing(KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")) as admin:
                admin.list_topics()
                return
    pytest.fail(f"the Kafka broker did not start:\n{output.read_text('utf-8', 'replace')[-4000:]}", pytrace=False)
