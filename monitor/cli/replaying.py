"""The commands that hold watchlists against what was published before, and write it out."""

from __future__ import annotations

import gzip
import lzma
import sys
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, complain, replacing, say, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from monitor.matching.expressions import Watchlist
    from monitor.model import Article

commands = typer.Typer()
archive = typer.Typer(no_args_is_help=True)


def _age(text: str) -> timedelta:
    from monitor.documents import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Since = Annotated[
    timedelta | None,
    typer.Option("--since", parser=_age, metavar="AGE", help="Only what is at most so old: 12h, 7d, 2w."),
]


@commands.command(
    epilog="Examples:  monitor backtest --since 7d    monitor backtest --against main    "
    "monitor backtest --articles archive.jsonl.xz --watchlists new.yaml --json"
)
def backtest(  # noqa: PLR0913 - options
    *,
    articles: Annotated[
        str | None,
        typer.Option(
            "--articles",
            help="A JSONL file (.xz and .gz too), a folder, or - for stdin; without it, the archive of the bus.",
        ),
    ] = None,
    since: Since = None,
    watchlists: Annotated[Path | None, typer.Option("--watchlists", help="Instead of the configured ones.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="GITREF", help="Tell what changed since this commit.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Hold articles against watchlists with the live engine.

    Nobody is told. With --since, an article of the archive is as old as it was first seen, one of a file as it was
    published; what has no date counts.
    """
    from monitor.app import wall_clock
    from monitor.watchlists.loading import load_watchlists
    from monitor.watchlists.versions import load_earlier

    path = watchlists or settings_of(config).watchlists
    loaded, now = load_watchlists(path).watchlists, wall_clock()
    earlier = load_earlier(path, against).watchlists if against else None
    with _opened(articles, config, since, now) as found:
        if earlier is None:
            _replay(loaded, found, now, as_json=as_json)
        else:
            _compare(earlier, loaded, found, now, as_json=as_json)


@archive.command("export", epilog="Examples:  monitor archive export --since 7d > week.jsonl")
def archive_export(
    *,
    since: Since = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="A file (.gz and .xz are packed), not stdout.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the archive as JSONL, as `backtest --articles` reads it back."""
    from monitor.app import wall_clock
    from monitor.archive import article_line

    with _opened(None, config, since, wall_clock()) as articles:
        lines = map(article_line, articles)
        if output is None:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            with replacing(output) as part, _packed(part, output.suffix) as stream:
                stream.writelines(lines)


def _packed(part: Path, suffix: str) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
    if suffix == ".gz":
        return gzip.open(part, "wb")
    return lzma.open(part, "wb") if suffix == ".xz" else part.open("wb")


# --- Where articles come from ----------------------------------------------------------------------------------------


@contextmanager
def _opened(where: str | None, config: Path, since: timedelta | None, now: datetime) -> Iterator[Iterator[Article]]:
    """Open what is to be read; what cannot be is told, and on a terminal how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.fields[articles]} articles"), TimeElapsedColumn())
    with (
        ExitStack() as stack,
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress,
    ):
        task = progress.add_task("", total=None, articles=0)

        def watch(stream: IO[bytes], size: int) -> IO[bytes]:
            progress.update(task, total=size)
            return progress.wrap_file(cast("BinaryIO", stream), task_id=task)

        def counted(articles: Iterator[Article]) -> Iterator[Article]:
            for number, article in enumerate(articles, start=1):
                progress.update(task, articles=number)
                yield article

        yield counted(filed(where, since, now, watch) if where else archived(stack, config, since, now))


def filed(
    where: str,
    since: timedelta | None,
    now: datetime,
    watch: Callable[[IO[bytes], int], IO[bytes]] = lambda stream, _: stream,
) -> Iterator[Article]:
    """Give the articles of a file, a folder or stdin (-) that are at most so old."""
    from monitor.ingest.archives import read_articles

    for article in read_articles(
        None if where == "-" else Path(where), now, lambda problem: complain([problem]), watch
    ):
        published = article.header.published
        if since is None or published is None or published >= now - since:
            yield article


def archived(stack: ExitStack, config: Path, since: timedelta | None, now: datetime) -> Iterator[Article]:
    """Give the articles that the bus keeps; the bus is closed with the stack."""
    from monitor.archive import replay
    from monitor.bus import open_bus

    bus = open_bus(settings_of(config).bus)
    stack.callback(bus.close)
    return replay(bus, now - since if since else None, lambda words: typer.echo(words, err=True))


# --- What is printed -------------------------------------------------------------------------------------------------


def _replay(watchlists: Sequence[Watchlist], articles: Iterator[Article], now: datetime, *, as_json: bool) -> None:
    from monitor.listing import summary_lines
    from monitor.matching import compile_watchlists
    from monitor.watchlists.backtesting import Summary, match_line

    summary, matcher = Summary(), compile_watchlists(watchlists)
    for article in articles:
        matches = matcher.match(article, now)
        summary.add(article, matches)
        for match in matches if as_json else ():
            say(match_line(match))
    if not as_json:
        for line in summary_lines(summary, [watchlist.header.id for watchlist in watchlists]):
            say(line)
    counts = f"articles: {summary.articles}, watchlists: {len(watchlists)}, matches: {summary.matches}"
    typer.echo(counts, err=True)


def _compare(
    before: Sequence[Watchlist],
    after: Sequence[Watchlist],
    articles: Iterator[Article],
    now: datetime,
    *,
    as_json: bool,
) -> None:
    from monitor.listing import comparison_lines
    from monitor.watchlists.backtesting import Comparison, match_line

    comparison, read = Comparison(before, after), 0
    for article in articles:
        read += 1
        for change, match in comparison.add(article, now):
            if as_json:
                say(match_line(match, change=change))
    if not as_json:
        for line in comparison_lines(comparison):
            say(line)
    typer.echo(f"articles: {read}", err=True)
