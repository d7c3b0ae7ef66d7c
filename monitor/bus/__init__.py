"""The bus: durable topics between the stages, embedded in one SQLite file or on Apache Kafka.

`open_bus` is the door; which implementation stands behind it is known here only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.ports import Bus


def open_bus(address: str) -> Bus:
    """Open the bus at ``sqlite:PATH`` or ``kafka://host:port,host:port``.

    Raises:
        Unavailable: it is out of reach, or no bus of ours.
        ValueError: the address is neither.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite":
        from monitor.bus.embedded import EmbeddedBus

        return EmbeddedBus(Path(rest))
    if scheme == "kafka":
        from monitor.bus.kafka import KafkaBus

        return KafkaBus(rest.removeprefix("//").split(","))
    raise ValueError(f"no bus at {address!r}")
