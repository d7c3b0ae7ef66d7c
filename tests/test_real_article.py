"""A real article through the whole service: the two alerts that it must make, on their evidence, once."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.bus import open_bus
from monitor.ports import TOPICS
from tests.broker import emptied
from tests.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
EXPECTED = {
    "assad-extradition": ["تسليم بشار الأسد"],
    "russian-bases-in-syria": ["القواعد العسكرية الروسية في سوريا"],
}


@pytest.fixture
def watching(tmp_path: Path, shared: Path) -> Callable[[str], Installation]:
    def watch(bus: str) -> Installation:
        monitor = Installation(tmp_path / "desk", watchlists=(ROOT / "watchlists.yaml").read_text("utf-8"), bus=bus)
        for article in (shared / "seed").glob("*.txt"):
            shutil.copy(article, monitor.inbox)
        return monitor

    return watch


def spoken(alerts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What the alerts of the two watchlists stand on; one entry each, or this fails."""
    ours = [alert for alert in alerts if alert["watchlist"] in EXPECTED]
    assert len(ours) == len({alert["watchlist"] for alert in ours}), "an alert came twice"
    return {alert["watchlist"]: [item["text"] for item in alert["evidence"]] for alert in ours}


def test_a_real_article_alerts_the_two_watchlists_once(watching: Callable[[str], Installation]) -> None:
    monitor = watching("")
    assert monitor("run", "--until-idle").returncode == 0
    alerts = monitor.lines("alerts")
    assert spoken(alerts) == EXPECTED
    assert not [alert for alert in alerts if any("حافظ" in item["text"] for item in alert["evidence"])]
    assert "nothing new" in monitor("run", "--until-idle").stdout
    assert monitor.lines("alerts") == alerts


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_three_processes_over_kafka_make_the_same_alerts(
    watching: Callable[[str], Installation], kafka_address: str
) -> None:
    open_bus(kafka_address).close()
    emptied(kafka_address, *TOPICS)
    monitor = watching(kafka_address)
    stages = [monitor.start(stage) for stage in ("poll", "match", "notify")]
    try:
        deadline = time.monotonic() + 60
        while spoken(monitor.lines("alerts")) != EXPECTED:
            assert time.monotonic() < deadline, monitor("sources").stdout
            assert all(stage.poll() is None for stage in stages)
        for stage in stages:
            stage.terminate()
        assert [stage.wait(10) for stage in stages] == [0, 0, 0]
    finally:
        for stage in stages:
            stage.kill()
            _, log = stage.communicate()
            sys.stderr.write(log)
