"""The command that shows a message before it is sent."""

from __future__ import annotations

import tempfile
import webbrowser
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, opened, say, settings_of, write_file
from monitor.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.model import Alert, Message, Notification
    from monitor.notify.previewing import Form
    from monitor.settings import Settings

commands = typer.Typer()
_SHORTEST, _NAMED = 4, 5
"""Characters of an id that are enough to look for; ids that are named where several begin so."""


@commands.command(
    "preview",
    epilog="Examples:  monitor alerts preview --open    monitor alerts preview 3f2a --receiver desk    "
    "monitor alerts preview 3f2a --cause growth:5 --as mail --out growth.eml",
)
def alerts_preview(  # noqa: PLR0913 - options
    beginning: Annotated[
        str | None,
        typer.Argument(metavar="[ALERT|NOTIFICATION]", help="The beginning of its id; samples of every kind without."),
    ] = None,
    *,
    receiver: Annotated[
        str | None,
        typer.Option("--receiver", help="By whose clocks, and to whom.", show_default="who was told, or the first"),
    ] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", help="Why it is told: first, growth:5, term:طرطوس, withdrawn:HASH …")
    ] = None,
    form: Annotated[
        Literal["terminal", "text", "html", "mail", "slack", "json"], typer.Option("--as", help="In which form.")
    ] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", help="Write it into a file.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Show it as a mail in the browser.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show a message as it would be sent, by the templates and clocks of the configuration. Sends nothing."""
    from monitor.notify.rendering import Renderer

    settings = settings_of(config)
    name = _receiver(settings, receiver)
    given = _given(settings, beginning, name, cause)
    if receiver:
        given = [replace(one, receiver=name) for one in given]
    with closing(Renderer(settings.templates, settings.alerts.zones)) as renderer:
        messages = [renderer.render(one) for one in given]
    if show:
        _open(_written(messages, "html", settings, name))
    elif out:
        write_file(out, _written(messages, form, settings, name))
    elif form == "terminal":
        _print(messages)
    else:
        typer.echo(_written(messages, form, settings, name), nl=False)


def _receiver(settings: Settings, wanted: str | None) -> str:
    from monitor.documents import did_you_mean

    known = settings.alerts.receivers
    if wanted and wanted not in known:
        raise typer.BadParameter(f"no receiver is called {wanted!r}{did_you_mean(wanted, known)}")
    return wanted or next(iter(known), "")


def _given(settings: Settings, beginning: str | None, receiver: str, cause: str | None) -> list[Notification]:
    from monitor.clock import wall_clock
    from monitor.model import Alert
    from monitor.notify.previewing import foreseen
    from monitor.notify.proofing import samples

    if beginning is None:
        if cause:
            raise typer.BadParameter("--cause is for an alert: name one")
        return list(samples(receiver))
    if cause:
        _check(cause)
    found = _find(settings, beginning)
    if isinstance(found, Alert):
        return [foreseen(found, receiver, settings.alerts.receivers.get(receiver), cause or "first", wall_clock())]
    return [replace(found, cause=cause or found.cause)]


def _check(cause: str) -> None:
    from monitor.alerting.causes import words

    try:
        words(cause)
    except ValueError:
        raise typer.BadParameter(f"{cause!r} is no cause; write it like growth:5") from None


def _find(settings: Settings, beginning: str) -> Alert | Notification:
    if len(beginning) < _SHORTEST:
        raise typer.BadParameter(f"{beginning!r} is too short; give at least {_SHORTEST} characters of an id")
    with opened(settings) as store:
        alerts, owed = store.alerts_called(beginning, _NAMED), store.notifications_called(beginning, _NAMED)
    found: tuple[Alert | Notification, ...] = (*alerts, *owed)
    if not found:
        raise typer.BadParameter(f"no alert or notification has an id that begins with {beginning!r}")
    if len(found) > 1:
        raise typer.BadParameter(f"several ids begin with {beginning!r}: {', '.join(one.id for one in found)}")
    return found[0]


def _written(messages: Sequence[Message], form: Form, settings: Settings, receiver: str) -> bytes:
    from monitor.notify.previewing import written
    from monitor.notify.spool import SENDER

    sender = settings.alerts.smtp.sender if settings.alerts.smtp else SENDER
    known = settings.alerts.receivers.get(receiver)
    address = known.email.to[0] if known and known.email else SENDER
    try:
        return written(messages, form, address, sender)
    except ValueError as error:
        raise Unavailable(f"no mail can be made of this: {error}") from None


def _print(messages: Sequence[Message]) -> None:
    from monitor.notify.terminal import TerminalChannel

    for message in messages:
        TerminalChannel().send(message, "-")


def _open(page: bytes) -> None:
    """Leave a page where the browser can read it, and say where that is."""
    with tempfile.NamedTemporaryFile(prefix="monitor-preview-", suffix=".html", delete=False) as file:
        file.write(page)
    say(file.name)
    if not webbrowser.open(Path(file.name).as_uri()):
        typer.echo("no browser could be opened", err=True)
