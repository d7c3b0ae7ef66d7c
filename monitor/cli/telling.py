"""The commands on receivers: try whether they are reached."""

from __future__ import annotations

import sys
from contextlib import closing, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, say, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.model import Notification

receivers = typer.Typer(no_args_is_help=True)


@receivers.command("test", epilog="Example:  monitor receivers test desk")
def receivers_test(
    name: Annotated[str, typer.Argument(help="A receiver of the configuration.")],
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Send a test message to every destination of a receiver."""
    from monitor.clock import wall_clock
    from monitor.codec import to_json
    from monitor.documents import did_you_mean
    from monitor.errors import DeliveryError
    from monitor.notify.channels import open_channels
    from monitor.notify.rendering import Renderer

    settings = settings_of(config)
    known = settings.alerts.receivers
    if name not in known:
        left_out = "; one with a variable that is not set is left out" if settings.warnings else ""
        raise typer.BadParameter(f"no receiver is called {name!r}{did_you_mean(name, known) or left_out}")
    with redirect_stdout(sys.stderr if as_json else sys.stdout):  # which the terminal channel takes for its own
        channels = open_channels(settings)
    now, failed = wall_clock(), False
    with closing(Renderer(settings.templates, settings.alerts.zones)) as renderer:
        for channel, destination in known[name].destinations:
            try:
                channels[channel].send(renderer.render(_test(name, channel, destination, now)), destination)
                fault = None
            except DeliveryError as error:
                fault, failed = error.reason, True
            line = {"receiver": name, "channel": channel, "destination": destination, "error": fault}
            say(to_json(line).decode() if as_json else f"{channel} {destination}: {fault or 'ok'}")
    raise typer.Exit(FOUND if failed else FINE)


def _test(receiver: str, channel: str, destination: str, now: datetime) -> Notification:
    from monitor.model import Alert, Event, Notification, Severity, stable_hash

    summary = f"This is a test: monitor reaches {receiver!r}, nothing has happened"
    event = Event(rule="test", subject=receiver, state="raised", at=now, summary=summary, severity=Severity.LOW)
    number = stable_hash("test", channel, destination, now.isoformat())
    alert = Alert(
        id=number, kind="operations", name="test", severity=Severity.LOW, state="open", created=now, event=event
    )
    return Notification(
        id=number,
        receiver=receiver,
        channel=channel,
        destination=destination,
        cause="test",
        created=now,
        alerts=(alert,),
    )
