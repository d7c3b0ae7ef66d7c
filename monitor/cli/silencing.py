"""The commands on silences: add, list, expire."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, opened, opened_store, print_each, say, settings_of
from monitor.cli.moments import moment
from monitor.model import Severity  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from monitor.model import Matcher
    from monitor.settings import Settings

silence = typer.Typer(no_args_is_help=True)

Author = Annotated[str | None, typer.Option("--author", help="Who does this.", show_default="you")]


@silence.command(
    "add",
    epilog="Examples:  monitor silence add --watchlist tartus --for 4h --comment 'naval exercise'    "
    "monitor silence add --saying 'الأسد سيسيل' --until 2026-12-31T00:00 --comment 'the lion'",
)
def silence_add(  # noqa: PLR0913 - a silence has many sides
    *,
    comment: Annotated[str, typer.Option("--comment", help="Why, for who comes next.")],
    watchlist: Annotated[list[str] | None, typer.Option("--watchlist", help="Of this watchlist.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="From this source.")] = None,
    severity: Annotated[list[Severity] | None, typer.Option("--severity", help="As grave as this.")] = None,
    owner: Annotated[list[str] | None, typer.Option("--owner", help="Of this owner's watchlists.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="With this label.")] = None,
    saying: Annotated[
        str | None, typer.Option("--saying", help="Only what was found within these words, one false friend.")
    ] = None,
    duration: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="For so long: 4h, 2d.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until then.")] = None,
    author: Author = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Do not tell of some alerts for a while.

    Each option that is given must hold; one that is given twice is an or. What a silence hides is recorded, counted
    and listed, and is not told when the silence ends.
    """
    from monitor.clock import wall_clock
    from monitor.model import Matcher
    from monitor.ports import Silence
    from monitor.text.tokens import tokenize

    if (duration is None) == (until is None):
        raise typer.BadParameter("a silence has either --for or --until")
    now = wall_clock()
    matcher = Matcher(
        watchlist=tuple(watchlist or ()),
        source=tuple(source or ()),
        severity=tuple(severity or ()),
        owner=tuple(owner or ()),
        labels=labels_of(label or []),
    )
    if matcher == Matcher() and not (saying or "").strip():
        raise typer.BadParameter("that would hide everything; say of what: --watchlist, --source, --saying, …")
    if saying is not None and not tokenize(saying):
        raise typer.BadParameter(f"there is no word in {saying!r}, so nothing is found within it")
    expires = moment(until or duration or "", now, "after")
    if expires <= now:
        raise typer.BadParameter("that is over already; choose a later time")
    settings = settings_of(config)
    _know(matcher, settings)
    new = Silence(
        matcher=matcher,
        saying=saying,
        author=author or getpass.getuser(),
        comment=comment,
        created=now,
        expires=expires,
    )
    with opened(settings) as store:
        number = store.silence(new)
    say(f"silence {number} stands until {expires:%Y-%m-%d %H:%MZ}; `monitor silence expire {number}` ends it")


def labels_of(given: list[str]) -> dict[str, tuple[str, ...]]:
    """Read labels as they are typed: several values of one name are an or.

    Raises:
        BadParameter: one is no NAME=VALUE.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"{one!r} is no label; write it like desk=levant")
        labels[name] = (*labels.get(name, ()), value)
    return labels


def _know(matcher: Matcher, settings: Settings) -> None:
    """Refuse a watchlist or a source that there is not, as far as the files can be read: it would hide nothing."""
    from monitor.documents import did_you_mean
    from monitor.errors import Problems
    from monitor.watchlists.loading import load_watchlists

    known = {"source": [source.id for source in settings.sources]}
    try:
        loaded = load_watchlists(settings.watchlists)
    except Problems:
        typer.echo("the watchlists cannot be read, so their names are taken as given", err=True)
    else:
        known["watchlist"] = [watchlist.header.id for watchlist in loaded.watchlists]
    for what, names in known.items():
        for name in getattr(matcher, what):
            if name not in names:
                raise typer.BadParameter(f"no {what} is called {name!r}{did_you_mean(name, names)}")


@silence.command("list", epilog="Examples:  monitor silence list    monitor silence list --all --json")
def silence_list(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List the silences that stand, and how many alerts each has hidden."""
    from monitor.clock import wall_clock
    from monitor.listing import silence_line, silence_text

    now = wall_clock()
    with opened_store(config) as store:
        known = [one for one in store.silences() if everything or one.expires > now]
    print_each(known, line=silence_line if as_json else silence_text, none="" if as_json else "no silences")


@silence.command("expire", epilog="Example:  monitor silence expire 3")
def silence_expire(
    number: Annotated[int, typer.Argument(help="The number that `monitor silence list` shows.")],
    *,
    author: Author = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End a silence now. What it hid stays hidden."""
    from monitor.clock import wall_clock

    with opened_store(config) as store:
        if not store.expire(number, author or getpass.getuser(), wall_clock()):
            raise typer.BadParameter(f"no silence {number} stands; see `monitor silence list`")
    say(f"silence {number} is over")
