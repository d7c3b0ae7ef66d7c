"""The channels of a configuration, by the name that a destination is stored with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.errors import DeliveryError
from monitor.notify.smtp import SmtpChannel
from monitor.notify.spool import SpoolChannel
from monitor.notify.terminal import TerminalChannel

if TYPE_CHECKING:
    from monitor.model import Message
    from monitor.ports import Channel
    from monitor.settings import Settings

CHANNELS: Final = ("terminal", "file", "email", "slack", "apprise")
"""All that there may be, configured or not."""


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Make every channel that is configured; what needs a package of its own is imported only then."""
    alerts = settings.alerts
    channels: dict[str, Channel] = {"terminal": TerminalChannel()}
    channels["file"] = SpoolChannel(alerts.smtp.sender) if alerts.smtp else SpoolChannel()
    channels["email"] = SmtpChannel(alerts.smtp) if alerts.smtp else _Serverless()
    receivers = alerts.receivers.values()
    if slack := [receiver.slack for receiver in receivers if receiver.slack]:
        from monitor.notify.slack import SlackChannel

        channels["slack"] = SlackChannel({one.destination: one for one in slack})
    if relays := {name: url for receiver in receivers for name, url in receiver.relays.items()}:
        from monitor.notify.relaying import AppriseChannel

        channels["apprise"] = AppriseChannel(relays)
    return channels


class _Serverless:
    """Mail of a receiver that nobody routes to, without the server that it needs."""

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - none is sent
        self.probe(destination)

    def probe(self, destination: str) -> None:  # noqa: ARG002 - none is reached
        raise DeliveryError("mail needs a server: add smtp: {host: …, from: …} beside receivers:", retryable=False)
