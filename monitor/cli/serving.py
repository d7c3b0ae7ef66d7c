"""The commands that run the service, whole or one stage of it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, say, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

commands = typer.Typer()


@commands.command(epilog="Examples:  monitor run    monitor run --until-idle --config desk/monitor.yaml")
def run(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Poll every source once, deliver what is owed, then end.")
    ] = False,
) -> None:
    """Run every stage in one process: poll, match, notify."""
    if until_idle:
        raise typer.Exit(_until_idle(config))
    _serve(config, ("poll", "match", "notify"))


@commands.command(epilog="Example:  monitor poll --config /etc/monitor/monitor.yaml")
def poll(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the poller alone: sources to the bus."""
    _serve(config, ("poll",))


@commands.command(epilog="Example:  monitor match --config /etc/monitor/monitor.yaml")
def match(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the matcher alone: articles against the watchlists."""
    _serve(config, ("match",))


@commands.command(epilog="Example:  monitor notify --config /etc/monitor/monitor.yaml")
def notify(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the notifier alone: matches to alerts to messages."""
    _serve(config, ("notify",))


def _serve(config: Path, stages: Sequence[str]) -> None:
    from monitor.app import open_app

    with _until_signalled() as stop, open_app(settings_of(config), stages) as service:
        signal.signal(signal.SIGHUP, lambda *_: service.reload.set())
        service.claim()
        service.run(stop, say)


def _until_idle(config: Path) -> int:
    from monitor.app import open_app, standing_words

    with open_app(settings_of(config)) as service:
        service.claim()
        outcome = service.until_idle()
    heard = f"{outcome.new_alerts} new" if outcome.new_alerts else "nothing new"
    say(f"{heard}, {standing_words(outcome.alerts)}; see `monitor alerts`")
    if outcome.failed_sources:
        typer.echo(f"monitor: {outcome.failed_sources} sources failed; see `monitor sources`", err=True)
    if outcome.undelivered:
        typer.echo(f"monitor: {outcome.undelivered} messages are not delivered yet; see `monitor alerts`", err=True)
    return FOUND if outcome.failed_sources or outcome.undelivered else FINE


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and Ctrl-C set, so that a stop is orderly and ends with exit code 0."""
    stop = threading.Event()
    handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
