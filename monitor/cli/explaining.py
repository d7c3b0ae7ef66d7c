"""The commands that say why: what a watchlist sees in a text, and what a term finds."""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, complain, say, settings_of, write_file
from monitor.errors import Problems, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.matching.expressions import Term, Watchlist
    from monitor.model import Article

commands = typer.Typer()

_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
"""How an article's id looks."""


@commands.command(
    epilog="Examples:  monitor explain assad-extradition article.txt    "
    "echo 'نص الخبر' | monitor explain assad-extradition -    "
    "monitor explain assad-extradition https://example.org/news/17"
)
def explain(  # noqa: PLR0913 - options
    watchlist: Annotated[str, typer.Argument(help="A watchlist's id or name.")],
    file: Annotated[
        str, typer.Argument(help="An article: text, HTML or JSON; - is text from stdin; or its address or id.")
    ] = "-",
    *,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page, too.")] = None,
    watchlists: Annotated[Path | None, typer.Option("--watchlists", help="Instead of the configured ones.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Tell why a text does or does not match.

    An article that was seen is taken from the archive, by its address or id, in its newest version.
    """
    from monitor.clock import wall_clock
    from monitor.codec import to_json
    from monitor.matching.explaining import explain as explain_article
    from monitor.showing import explained, page, record

    now = wall_clock()
    chosen = choose(watchlist, watchlists or settings_of(config).watchlists)
    article = _kept(file, config) or _read(file, now)
    explanation = explain_article(chosen, article, now)
    if html:
        write_file(html, page(explanation, article))
    if as_json:
        say(to_json(record(explanation)).decode())
    else:
        for line in explained(explanation, article, _styles()):
            say(line)
    raise typer.Exit(FINE if explanation.match else FOUND)


def choose(wanted: str, path: Path) -> Watchlist:
    """Find a watchlist by its id, else by its name, in whatever case that is written."""
    from monitor.documents import did_you_mean
    from monitor.watchlists.loading import load_watchlists

    known = load_watchlists(path).watchlists
    for one in known:
        if wanted == one.header.id:
            return one
    for one in known:
        if wanted.casefold() == one.header.name.casefold():
            return one
    names = [name for one in known for name in (one.header.id, one.header.name)]
    raise typer.BadParameter(f"no watchlist is called {wanted!r}{did_you_mean(wanted, names)}")


def _kept(file: str, config: Path) -> Article | None:
    """Find an article in the archive, if it is an address or an id and no file is called so."""
    from monitor.archive import find
    from monitor.bus import open_bus
    from monitor.ingest.identity import article_of_url

    wanted = article_of_url(file) or (file if _ID.fullmatch(file) else None)
    if wanted is None or Path(file).exists():
        return None
    with closing(open_bus(settings_of(config).bus)) as bus:
        versions = list(find(bus, [wanted], None, lambda words: typer.echo(words, err=True)))
    if not versions:
        raise typer.BadParameter(f"{file} is not in the archive")
    return versions[-1].article


def _read(file: str, now: datetime) -> Article:
    from monitor.ingest.archives import read_article

    if file == "-" and sys.stdin.isatty():
        raise typer.BadParameter("name a file, or give the text on stdin: echo 'نص الخبر' | monitor explain ID -")
    data = sys.stdin.buffer.read() if file == "-" else None
    try:
        return read_article(Path("stdin.txt" if file == "-" else file), data, now)
    except Problems as error:
        complain(error.problems)
        raise Unavailable("there is no article to explain") from None


def _styles() -> dict[str, str]:
    from monitor.notify.terminal import STYLES

    missed = {"missed": STYLES["high"], "unmissed": STYLES["end"]}
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        return STYLES | missed
    return dict.fromkeys(STYLES, "") | {"mark": "*", "unmark": "*", "missed": "~", "unmissed": "~"}


@commands.command(
    epilog="Examples:  monitor expand تسليم    monitor expand --name طرطوس    monitor expand 'قاعدة حميميم'"
)
def expand(  # noqa: PLR0913 - options
    term: Annotated[str, typer.Argument(help="A term as it stands in a watchlist.")],
    *,
    name: Annotated[bool, typer.Option("--name", help="Read it as {name: …}.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Read it as {exact: …}.")] = False,
    articles: Annotated[
        str | None, typer.Option("--articles", help="Count in these (as for backtest), not in the archive.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Tell how a term is read, and what it finds."""
    from monitor.codec import to_json
    from monitor.matching.expanding import count
    from monitor.matching.expanding import expand as expand_term
    from monitor.showing import expanded, expansion_record

    wanted = _term(term, name=name, exact=exact)
    expansion = expand_term(wanted)
    if not expansion.words:
        raise typer.BadParameter(f"«{term}» holds no word")
    counted = count(wanted, _articles(articles, config))
    counts = counted if counted.articles else None
    if as_json:
        say(to_json(expansion_record(expansion, counts)).decode())
    else:
        for line in expanded(expansion, counts):
            say(line)


def _term(text: str, *, name: bool, exact: bool) -> Term:
    """Read a term as it may stand in a file: ``طرطوس``, ``name: طرطوس``, ``{exact: إس-400}``."""
    from monitor.matching.expressions import Kind, Term

    if name and exact:
        raise typer.BadParameter("--name and --exact exclude each other")
    kind = Kind.NAME if name else Kind.EXACT if exact else Kind.PLAIN
    inner = text.strip().removeprefix("- ").strip().removeprefix("{").removesuffix("}")
    key, colon, rest = inner.partition(":")
    if colon and key.strip() in {"name", "exact"}:
        return Term(rest.strip(), Kind(key.strip()))
    return Term(text.strip(), kind)


def _articles(where: str | None, config: Path) -> Iterator[Article]:
    """Give what to count in: what is named, else the archive, else nothing."""
    from contextlib import ExitStack

    from monitor.cli.replaying import archived, filed
    from monitor.clock import wall_clock

    with ExitStack() as stack:
        if where:
            yield from filed(where, None, wall_clock())
        elif config.exists():
            yield from archived(stack, config, None, wall_clock())
