"""The commands that say what was found, and who was told or would be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, opened, opened_store, print_each, settings_of
from monitor.cli.moments import moment
from monitor.cli.silencing import labels_of
from monitor.model import Severity  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from monitor.model import Event, Match, WatchlistHeader
    from monitor.settings import Settings

alerts = typer.Typer()


@alerts.callback(
    invoke_without_command=True,
    epilog="Examples:  monitor alerts    monitor alerts --open    monitor alerts --json    "
    "monitor alerts --since 23:00    monitor alerts --since 12h --json",
)
def alerts_list(
    context: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Hand over: what was told, held back and not seen since then."),
    ] = None,
    unacked: Annotated[bool, typer.Option("--open", help="Only those that nobody has acked and that stand.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List the alerts, newest last, and who was told.

    With --since, the list for whoever takes over instead. A time without a zone is by the clocks of this machine.
    """
    from monitor.clock import wall_clock
    from monitor.listing import alert_line, alert_text, handover_lines, handover_texts

    if context.invoked_subcommand:
        return
    if since is None:
        line = partial(alert_line if as_json else alert_text, now=wall_clock())
        none = "" if as_json else "no open alerts" if unacked else "no alerts yet"
        with opened_store(config) as store:
            print_each(store.alerts(unacked=unacked), line=line, none=none)
        return
    if unacked:
        raise typer.BadParameter("--since lists what happened, --open what stands; give one of them")
    settings = settings_of(config)
    with opened(settings) as store:
        handed = store.handover(moment(since, wall_clock(), "before"))
    polled = {source.id for source in settings.sources}
    print_each((handover_lines if as_json else handover_texts)(handed, polled), line=str, none="")


@alerts.command(
    "route",
    epilog="Examples:  monitor alerts route --watchlist tartus    "
    "monitor alerts route --severity high --lang ar --at 2026-11-21T03:00 --json",
)
def alerts_route(  # noqa: PLR0913 - an alert has many sides
    *,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When it comes up.", show_default="now")] = "0s",
    watchlist: Annotated[str | None, typer.Option("--watchlist", help="Its watchlist, with all it says.")] = None,
    severity: Annotated[Severity | None, typer.Option("--severity", help="How grave it is.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Its watchlist's owner.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="One of its labels.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Where the article is from.")] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="The article's language.")] = None,
    kind: Annotated[
        Literal["watchlist", "operations"], typer.Option("--kind", help="News, or about monitor itself.")
    ] = "watchlist",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Show who would be told of an alert, when, and what would hold it back, by the rules as they run.

    Silences count that stand then, and what receivers were sent lately; what else would come up meanwhile is not known.
    """
    from monitor.alerting.foreseeing import foresee
    from monitor.clock import wall_clock
    from monitor.listing import foreseen_line, foreseen_text

    now = wall_clock()
    then = moment(at, now, "after")
    settings = settings_of(config)
    given = {"severity": severity, "owner": owner, "labels": _labels(label)}
    header = _header(settings, watchlist, {name: value for name, value in given.items() if value})
    report = _fault(header, then) if kind == "operations" else _news(header, source, lang, then)
    rates = [receiver.rate.per for receiver in settings.alerts.receivers.values() if receiver.rate]
    with opened(settings) as store:
        messages = store.waiting(now, look_back=max(rates, default=timedelta())).messages
        silences = store.silences()
    reason, foreseen = foresee(report, settings.alerts, silences, messages, then)
    tree, receivers = settings.alerts.route, settings.alerts.receivers
    print_each(
        foreseen,
        line=(lambda one: foreseen_line(one, tree)) if as_json else (lambda one: foreseen_text(one, tree, receivers)),
        none=f"nobody is told: {reason}",
    )


def _labels(given: list[str] | None) -> dict[str, str]:
    return {name: values[-1] for name, values in labels_of(given or []).items()}


def _header(settings: Settings, watchlist: str | None, given: dict[str, Any]) -> WatchlistHeader:
    """Take what a watchlist says, and what is given in its stead."""
    from monitor.documents import did_you_mean
    from monitor.model import WatchlistHeader
    from monitor.watchlists.loading import load_watchlists

    if watchlist is None:
        return replace(WatchlistHeader(id="", name=""), **given)
    known = {one.header.id: one.header for one in load_watchlists(settings.watchlists).watchlists}
    if watchlist not in known:
        raise typer.BadParameter(f"no watchlist is called {watchlist!r}{did_you_mean(watchlist, known)}")
    return replace(known[watchlist], **given)


def _news(header: WatchlistHeader, source: str | None, lang: str | None, then: datetime) -> Match:
    from monitor.model import Header, Match

    article = Header(id="", source=source or "", title="", content_hash="", first_seen=then, lang=lang)
    return Match(watchlist=header, article=article, score=0, evidence=(), matched_at=then)


def _fault(header: WatchlistHeader, then: datetime) -> Event:
    from monitor.model import Event

    return Event(rule="", subject="", state="raised", at=then, summary="", severity=header.severity)
