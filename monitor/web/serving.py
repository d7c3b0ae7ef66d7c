"""`/healthz`, `/readyz` and `/metrics` of a running process, in a thread of its own.

Hides Starlette, uvicorn and the format of Prometheus. Knows nothing of what is measured: `Vitals` says it when asked.
There is no password on it, so it is bound to loopback unless the configuration says otherwise.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client.core import Metric
    from starlette.requests import Request

ENDS_WITHIN: Final = 1.0
"""Seconds that answers under way have when the process stops."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: its name (a counter's without ``_total``), and a value for each set of label values."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...]
    values: Sequence[tuple[tuple[str, ...], float]]


class Vitals(Protocol):
    """What is asked. Each check is ``ok`` or says what is wrong."""

    def health(self) -> Mapping[str, str]:
        """Whether every loop turns."""

    def readiness(self) -> Mapping[str, str]:
        """Whether everything is there that work needs."""

    def measures(self) -> Iterable[Measure]:
        """Every count."""


def build(vitals: Vitals) -> Starlette:
    """Make the application that answers for these vitals."""
    registry = CollectorRegistry()
    registry.register(_Collector(vitals))

    def healthz(_: Request) -> Response:
        return _verdict(vitals.health())

    def readyz(_: Request) -> Response:
        return _verdict(vitals.readiness())

    def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


@contextmanager
def serving(vitals: Vitals, host: str, port: int) -> Iterator[int]:
    """Answer until the end of the block, at the port that is given back (a free one for 0).

    Raises:
        Unavailable: the address cannot be had.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        build(vitals),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(ENDS_WITHIN),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(2 * ENDS_WITHIN)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}; see web: in the configuration") from error


def _verdict(checks: Mapping[str, str]) -> Response:
    good = all(state == "ok" for state in checks.values())
    return JSONResponse({"state": "ok" if good else "failing", "checks": dict(checks)}, 200 if good else 503)


class _Collector:
    """Asks for the measures whenever Prometheus does."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def describe(self) -> list[Metric]:
        """Claim no names beforehand, so that registering asks for nothing yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give every measure in Prometheus' own form."""
        for measure in self._vitals.measures():
            kind = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
            family = kind(measure.name, measure.help, labels=measure.labels)
            for labels, value in measure.values:
                family.add_metric(labels, value)
            yield family
