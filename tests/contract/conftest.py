"""The buses of the contract suite: one line an implementation, each empty at the start of a test."""

from __future__ import annotations

import gc
import uuid
from typing import TYPE_CHECKING

import pytest

from monitor.bus import open_bus
from monitor.ports import TOPICS
from tests.broker import emptied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.ports import Bus


# One broker, whose topics are emptied between tests: all that needs it runs in one worker.
KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])


@pytest.fixture(params=["embedded", KAFKA])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty bus is."""
    if request.param == "embedded":
        return f"sqlite:{tmp_path}/var/bus.db"
    found: str = request.getfixturevalue("empty_kafka")
    return found


@pytest.fixture
def empty_kafka(kafka_address: str) -> Iterator[str]:
    """A broker whose topics hold nothing."""
    open_bus(kafka_address).close()
    emptied(kafka_address, *TOPICS)
    yield kafka_address
    gc.collect()  # a socket that kafka-python left open is warned of here, where that is borne with


@pytest.fixture
def bus(address: str) -> Iterator[Bus]:
    opened = open_bus(address)
    yield opened
    opened.close()


@pytest.fixture
def group() -> str:
    """A group that never read anything."""
    return f"group-{uuid.uuid4().hex[:8]}"
