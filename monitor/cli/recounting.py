"""The command that says what became of an article: `alerts why`."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from monitor.cli.acting import alert_called
from monitor.cli.explaining import choose
from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, complain, opened, say, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.matching.expressions import Watchlist
    from monitor.model import Article
    from monitor.ports import Published, Trace
    from monitor.recounting import Judged
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

of_alerts = typer.Typer()
_CLOCKS: Final = timedelta(hours=1)
"""How far the clocks of the bus and of who polls may be apart."""


@of_alerts.command(
    "why",
    epilog="Examples:  monitor alerts why https://example.org/news/17    "
    "monitor alerts why https://example.org/news/17 tartus    monitor alerts why 3f2a90c1 --json",
)
def alerts_why(
    article: Annotated[str, typer.Argument(help="Its address or id, its name in a folder, or the id of an alert.")],
    watchlist: Annotated[str | None, typer.Argument(help="Of this watchlist only, by id or name.")] = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Tell what became of an article, from the poll to the message, and why.

    Where it ended comes first. What no match of a watchlist is recorded of is held against the watchlists as they
    stand, if it is in the archive. Exit code 1 when nothing is known of it.
    """
    from monitor.clock import wall_clock
    from monitor.ingest.identity import article_of_url
    from monitor.recounting import Way, way_lines, way_texts

    now, settings = wall_clock(), settings_of(config)
    if "://" in article and not article_of_url(article):
        raise typer.BadParameter(f"{article} names no single article; give the address of one")
    chosen = choose(watchlist, settings.watchlists) if watchlist else None
    address, nearby = article_of_url(article), tuple(_nearby(article, settings))
    with opened(settings) as store:
        trace = _trace(article, address, nearby, store)
    wanted = trace.articles if trace.articles or trace.alerts else (address or article,)
    versions, unread = _archived(settings, wanted, _since(trace)) if wanted else ((), None)
    asked_for = [one for one in trace.matches if chosen is None or one.match.watchlist.id == chosen.header.id]
    newest = versions[-1].article if versions and not asked_for else None
    way = Way(
        trace=trace,
        versions=versions,
        unread=unread,
        judged=tuple(_judge(newest, chosen, settings, now)) if newest else (),
        nearby=nearby if not trace.articles else (),
        polled={source.id for source in settings.sources},
        watchlist=chosen.header.id if chosen else None,
    )
    for line in (way_lines if as_json else way_texts)(way, now):
        say(line)
    raise typer.Exit(FINE if way.is_known else FOUND)


def _trace(given: str, of_address: str | None, nearby: Sequence[str], store: SqlStore) -> Trace:
    """Trace what is called so, else the alert whose id begins so.

    Raises:
        BadParameter: more than one alert's does.
    """
    trace = store.trace(of_address or given, nearby)
    if of_address or trace.articles or trace.alerts or not store.alerts_called(given, 1):
        return trace
    return store.trace(alert_called(store, given).id, nearby)


def _nearby(given: str, settings: Settings) -> Iterator[str]:
    """Find the sources that are polled at the host of an address, or at one above or below it."""
    host = _host(given)
    for source in settings.sources if host else ():
        polled = _host(source.address or "")
        if polled and (polled == host or polled.endswith(f".{host}") or host.endswith(f".{polled}")):
            yield source.id


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


# --- The archive -----------------------------------------------------------------------------------------------------


def _since(trace: Trace) -> datetime | None:
    """Return from when on the archive may hold it: it is published when it was first seen, or later."""
    seen = [sighting.first_seen for sighting in trace.sightings]
    first = min([*seen, *(one.match.article.first_seen for one in trace.matches)], default=None)
    return first - _CLOCKS if first else None


def _archived(
    settings: Settings, articles: Sequence[str], since: datetime | None
) -> tuple[tuple[Published, ...], str | None]:
    """Read the versions that the archive keeps; else say why it cannot be asked."""
    from monitor.archive import find
    from monitor.bus import open_bus
    from monitor.errors import CodecError, Unavailable

    try:
        with closing(open_bus(settings.bus)) as bus:
            return tuple(find(bus, articles, since, lambda words: typer.echo(words, err=True))), None
    except (CodecError, Unavailable) as error:
        return (), str(error)


def _judge(article: Article, chosen: Watchlist | None, settings: Settings, now: datetime) -> Iterator[Judged]:
    """Hold an article against the watchlists as they stand: the one that was asked for, or those that match."""
    from monitor.errors import Problems
    from monitor.matching import compile_watchlists
    from monitor.matching.explaining import explain
    from monitor.recounting import Judged
    from monitor.showing import verdict
    from monitor.watchlists.loading import load_watchlists

    try:
        known = [chosen] if chosen else load_watchlists(settings.watchlists).watchlists
    except Problems as error:
        complain(error.problems)
        return
    matching = {match.watchlist.id for match in compile_watchlists(known).match(article, now)}
    for one in known:
        if one is chosen or one.header.id in matching:
            yield Judged(one.header.id, one.header.id in matching, verdict(explain(one, article, now)))
