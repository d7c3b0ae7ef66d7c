"""The commands by which people act on alerts: ack, snooze, resend."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, opened_store, say
from monitor.cli.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.model import Alert
    from monitor.store.sql import SqlStore

_SHORTEST: Final = 4
"""Characters of an alert's id that are enough when no other begins so."""
_SHOWN: Final = 5
"""Alerts that are told when an id may be of several."""

commands = typer.Typer()
of_alerts = typer.Typer()
Ids = Annotated[list[str], typer.Argument(metavar="ALERT", help="Ids of alerts, or how they begin.")]


@commands.command(epilog="Examples:  monitor ack 3f2a    monitor ack 3f2a 90c1 --comment 'calling the port' --by layla")
def ack(
    ids: Ids,
    *,
    comment: Annotated[str | None, typer.Option("--comment", help="What you do about it, for who comes next.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who does this.", show_default="you")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Say that you have taken alerts on. Acking one again replaces who did and the comment."""
    from monitor.clock import wall_clock
    from monitor.model import Ack

    with _standing(ids, config) as (store, chosen):
        taken = Ack(by=by or getpass.getuser(), at=wall_clock(), comment=comment)
        for alert in chosen:
            if not store.ack(alert.id, taken):
                raise _closed(alert)
            say(f"acked by {taken.by}: {_named(alert)}")


@of_alerts.command(
    "snooze",
    epilog="Examples:  monitor alerts snooze 3f2a --for 4h    monitor alerts snooze 3f2a 90c1 --until 07:00    "
    "monitor alerts snooze 3f2a --until now",
)
def alerts_snooze(
    ids: Ids,
    *,
    duration: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="For so long: 4h, 2d.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until then; now ends it.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Hold back what is told of these alerts until a time. What comes meanwhile is told then."""
    from monitor.clock import wall_clock

    if (duration is None) == (until is None):
        raise typer.BadParameter("a snooze has either --for or --until")
    now = wall_clock()
    ends = until == "now"
    then = now if ends else moment(until or duration or "", now, "after")
    if then <= now and not ends:
        raise typer.BadParameter("that is over already; choose a later time, or --until now to end a snooze")
    with _standing(ids, config) as (store, chosen):
        for alert in chosen:
            store.snooze(alert.id, then, now)
            say(f"{'awake' if ends else f'snoozed until {then:%Y-%m-%d %H:%MZ}'}: {_named(alert)}")


@of_alerts.command(
    "resend", epilog="Examples:  monitor alerts resend    monitor alerts resend 3f2a    monitor alerts resend 3f2a 90c1"
)
def alerts_resend(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ALERT", help="Ids of alerts, or how they begin.")] = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Send again what was given up: of these alerts, or all of it."""
    from monitor.clock import wall_clock

    now = wall_clock()
    with opened_store(config) as store:
        chosen = [alert_called(store, one).id for one in ids or ()]
        again = sum(store.resend(now, alert) for alert in chosen) if chosen else store.resend(now)
    say(f"sent again: {again} {'message' if again == 1 else 'messages'}" if again else "no message was given up")


@contextmanager
def _standing(ids: Sequence[str], config: Path) -> Iterator[tuple[SqlStore, list[Alert]]]:
    """Open the store and find the alerts that are meant, before anything is done to one of them.

    Raises:
        BadParameter: one is not known, not clear or closed.
    """
    with opened_store(config) as store:
        chosen = [alert_called(store, one) for one in dict.fromkeys(ids)]
        for alert in chosen:
            if alert.state == "closed":
                raise _closed(alert)
        yield store, chosen


def alert_called(store: SqlStore, given: str) -> Alert:
    """Find the alert whose id this is, or begins so.

    Raises:
        BadParameter: there is none, or more than one.
    """
    if len(given) < _SHORTEST:
        raise typer.BadParameter(f"{given!r} is too short; give at least {_SHORTEST} characters of the id")
    found = store.alerts_called(given, _SHOWN + 1)
    if not found:
        raise typer.BadParameter(f"no alert is called {given!r}; see `monitor alerts`")
    if len(found) > 1:
        which = "".join(f"\n  {_named(alert)}" for alert in found[:_SHOWN])
        raise typer.BadParameter(f"{given!r} may be any of these:{which}" + "\n  …" * (len(found) > _SHOWN))
    return found[0]


def _closed(alert: Alert) -> typer.BadParameter:
    return typer.BadParameter(f"closed already: {_named(alert)}")


def _named(alert: Alert) -> str:
    from monitor.listing import alert_name

    return alert_name(alert)
