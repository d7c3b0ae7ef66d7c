"""Fixtures that every test may use."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.broker import kafka_broker

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


@pytest.fixture
def now() -> datetime:
    """A Tuesday morning."""
    return datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """Bear with what kafka-python 3.0 does while it is imported."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


def pytest_xdist_auto_num_workers() -> int:
    """Take one worker more than there are processors: many tests wait for processes and servers."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real articles and labelled data beside the project; skips where it is not."""
    folder = Path(os.environ.get("SHARED", ROOT.parent / "shared"))
    if not folder.is_absolute():
        folder = (ROOT / folder).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs the labelled data beside the project (SHARED={folder})")
    return folder


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """A real broker, started once for all tests that need one."""
    with kafka_broker() as address:
        yield address
