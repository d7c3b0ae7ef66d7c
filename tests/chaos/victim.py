"""A service that kills itself at a named point: the real stages over a real bus and store, with a fuse at the doors.

``python -m tests.chaos.victim CONFIG POINT NTH`` runs until idle, or dies by SIGKILL when it comes to the point for
the NTH time. Exit code 0 means that it never did.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.app import STAGES, App
from monitor.bus import open_bus
from monitor.clock import wall_clock
from monitor.reloading import load_setup
from monitor.store.sql import open_store

if TYPE_CHECKING:
    from datetime import timedelta

POINTS: Final = (
    "published, not yet seen",
    "matches published, not committed",
    "recorded, not committed",
    "sent, not marked",
)


@dataclass
class Fuse:
    """Burns down at one point."""

    point: str
    left: int

    def reach(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Door:
    """Passes everything on to what stands behind it."""

    def __init__(self, behind: Any, fuse: Fuse) -> None:  # noqa: ANN401 - any port
        self._behind, self._fuse = behind, fuse

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any port's member
        return getattr(self._behind, name)


class StoreDoor(Door):
    def remember(self, state: object, sightings: list[object], *rest: object, **more: object) -> None:
        if sightings:
            self._fuse.reach("published, not yet seen")
        self._behind.remember(state, sightings, *rest, **more)

    def settle(self, claim: object, outcome: Any) -> bool:  # noqa: ANN401 - a settlement
        if outcome.state == "sent":
            self._fuse.reach("sent, not marked")
        return bool(self._behind.settle(claim, outcome))


class BusDoor(Door):
    def consume(self, topic: str, group: str) -> ConsumerDoor:
        return ConsumerDoor(self._behind.consume(topic, group), self._fuse, topic)


class ConsumerDoor(Door):
    def __init__(self, behind: object, fuse: Fuse, topic: str) -> None:
        super().__init__(behind, fuse)
        self._topic = topic

    def poll(self, wait: timedelta) -> BatchDoor | None:
        batch = self._behind.poll(wait)
        return BatchDoor(batch, self._fuse, self._topic) if batch is not None else None


class BatchDoor(Door):
    def __init__(self, behind: object, fuse: Fuse, topic: str) -> None:
        super().__init__(behind, fuse)
        self._topic = topic

    def done(self) -> None:
        points = {"articles": "matches published, not committed", "matches": "recorded, not committed"}
        self._fuse.reach(points.get(self._topic, ""))
        self._behind.done()


def main(config: str, point: str, nth: str) -> None:
    """Run until idle or until the fuse is burnt."""
    fuse = Fuse(point, int(nth))
    setup = load_setup(Path(config), os.environ, matching=True)
    bus: Any = BusDoor(open_bus(setup.settings.bus), fuse)
    store: Any = StoreDoor(open_store(setup.settings.store), fuse)
    service = App(setup, bus, store, STAGES, wall_clock)
    service.claim()
    outcome = service.until_idle()
    service.close()
    store.close()
    bus.close()
    sys.exit(1 if outcome.undelivered or outcome.failed_sources else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
