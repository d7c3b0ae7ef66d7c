"""The commands that hold watchlists against what was published before, and write it out."""

from __future__ import annotations

import gzip
import lzma
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, complain, replacing, say, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from monitor.errors import Problem
    from monitor.ingest.archives import Given
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
    published; what has no date counts. A line or file that cannot be read is told, and the rest goes on.
    """
    from monitor.clock import wall_clock
    from monitor.watchlists.loading import load_watchlists
    from monitor.watchlists.versions import load_earlier

    path = watchlists or settings_of(config).watchlists
    loaded, now = load_watchlists(path).watchlists, wall_clock()
    earlier = load_earlier(path, against).watchlists if against else None
    with _reading(articles, config, _Span(now, since), alone=as_json) as reading:
        if earlier is None:
            lines, more = _replay(loaded, reading, now, as_json=as_json)
        else:
            lines, more = _compare(earlier, loaded, reading, now, as_json=as_json)
    for line in () if as_json else lines:
        say(line)
    typer.echo(f"{reading.counts}, {more}", err=True)


@archive.command(
    "export",
    epilog="Examples:  monitor archive export --since 7d > week.jsonl    monitor archive export --output all.jsonl.xz",
)
def archive_export(
    *,
    since: Since = None,
    until: Annotated[
        timedelta | None,
        typer.Option("--until", parser=_age, metavar="AGE", help="Only what is older than this: 12h, 7d, 2w."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="A file (.gz and .xz are packed); without it, or -, stdout.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the archive as JSONL, as `backtest --articles` reads it back.

    An article is as old as it was first seen. A file is there whole, or not at all.
    """
    from monitor.archive import article_line
    from monitor.clock import wall_clock

    if since is not None and until is not None and until >= since:
        raise typer.BadParameter("--until has to be less than --since, or nothing lies between")
    to_stdout = output is None or str(output) == "-"
    with _reading(None, config, _Span(wall_clock(), since, until), alone=to_stdout) as reading:
        lines = (article_line(given.article) for given in reading.articles)
        if output is None or to_stdout:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            with replacing(output) as part, _packed(part, output.suffix) as stream:
                stream.writelines(lines)
    typer.echo(reading.counts, err=True)


def _packed(part: Path, suffix: str) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
    if suffix == ".gz":
        return gzip.open(part, "wb")
    return lzma.open(part, "wb") if suffix == ".xz" else part.open("wb")


# --- Where articles come from ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Span:
    """The articles that are wanted, by age at ``now``: at most ``oldest``, more than ``newest``."""

    now: datetime
    oldest: timedelta | None = None
    newest: timedelta | None = None

    @property
    def since(self) -> datetime | None:
        return self.now - self.oldest if self.oldest is not None else None

    @property
    def until(self) -> datetime | None:
        return self.now - self.newest if self.newest is not None else None


class _Reading:
    """Articles as they are read, and what came of that."""

    def __init__(self) -> None:
        self.articles: Iterator[Given] = iter(())
        self.read = self.unread = 0

    def tell(self, problem: Problem | str) -> None:
        """Hear of what cannot be read, and pass it on."""
        self.unread += 1
        typer.echo(str(problem), err=True)

    @property
    def counts(self) -> str:
        """What it comes to, in a line."""
        unread = f", could not be read: {self.unread}" if self.unread else ""
        return f"articles: {self.read}{unread}"


@contextmanager
def _reading(where: str | None, config: Path, span: _Span, *, alone: bool) -> Iterator[_Reading]:
    """Open what is to be read; what cannot be is told, and on a terminal how far it is.

    ``alone``: results go to stdout meanwhile, so a bar would stand among them if that is the terminal too.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    reading = _Reading()
    columns = (BarColumn(), TextColumn("{task.fields[articles]} articles"), TimeElapsedColumn())
    shown = sys.stderr.isatty() and not (alone and sys.stdout.isatty())
    # What is printed is not led through the bar: it would all arrive on stderr.
    bar = Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True, redirect_stdout=False)
    with ExitStack() as stack, bar as progress:
        task = progress.add_task("", total=None, articles=0)

        def watch(stream: IO[bytes], size: int) -> IO[bytes]:
            progress.update(task, total=size)
            return progress.wrap_file(cast("BinaryIO", stream), task_id=task)

        def counted(given: Iterator[Given]) -> Iterator[Given]:
            for one in given:
                reading.read += 1
                progress.update(task, articles=reading.read)
                yield one

        found = _given(where, span, reading.tell, watch) if where else _kept(stack, config, span, reading.tell)
        reading.articles = counted(found)
        yield reading


def _given(
    where: str, span: _Span, tell: Callable[[Problem], None], watch: Callable[[IO[bytes], int], IO[bytes]]
) -> Iterator[Given]:
    from monitor.ingest.archives import read_given
    from monitor.watchlists.backtesting import when

    since = span.since
    for given in read_given(None if where == "-" else Path(where), span.now, tell, watch):
        if since is None or when(given.article) >= since:
            yield given


def _kept(stack: ExitStack, config: Path, span: _Span, tell: Callable[[str], None]) -> Iterator[Given]:
    from monitor.archive import replay
    from monitor.bus import open_bus
    from monitor.ingest.archives import Given

    bus = open_bus(settings_of(config).bus)
    stack.callback(bus.close)
    return map(Given.of, replay(bus, span.since, tell, span.until))


def filed(where: str, since: timedelta | None, now: datetime) -> Iterator[Article]:
    """Give the articles of a file, a folder or stdin (-) that are at most so old."""
    found = _given(where, _Span(now, since), lambda problem: complain([problem]), lambda stream, _: stream)
    return (given.article for given in found)


def archived(stack: ExitStack, config: Path, since: timedelta | None, now: datetime) -> Iterator[Article]:
    """Give the articles that the bus keeps; the bus is closed with the stack."""
    found = _kept(stack, config, _Span(now, since), lambda words: typer.echo(words, err=True))
    return (given.article for given in found)


# --- What is printed -------------------------------------------------------------------------------------------------


_Result = tuple["Iterator[str]", str]
"""What people are to see when all is read, and the counts."""


def _replay(watchlists: Sequence[Watchlist], reading: _Reading, now: datetime, *, as_json: bool) -> _Result:
    """Hold what is read against watchlists; each match is printed at once for programs."""
    from monitor.matching import compile_watchlists
    from monitor.showing import summary_lines
    from monitor.watchlists.backtesting import Summary, match_line

    summary, matcher = Summary(), compile_watchlists(watchlists)
    for given in reading.articles:
        matches = matcher.match(given.article, now)
        stories = summary.add(given.article, matches)
        for match, story in zip(matches, stories, strict=True) if as_json else ():
            say(match_line(match, given.id, given.fields, story=story))
    lines = summary_lines(summary, [watchlist.header.id for watchlist in watchlists])
    return lines, f"watchlists: {len(watchlists)}, matches: {summary.matches}"


def _compare(
    before: Sequence[Watchlist], after: Sequence[Watchlist], reading: _Reading, now: datetime, *, as_json: bool
) -> _Result:
    """Likewise, with what a change gains and loses."""
    from monitor.showing import comparison_lines
    from monitor.watchlists.backtesting import Comparison, match_line

    comparison = Comparison(before, after)
    for given in reading.articles:
        for change, match in comparison.add(given.article, now):
            if as_json:
                say(match_line(match, given.id, given.fields, change=change))
    changed = sum(len(ids) for ids in (comparison.added, comparison.removed, comparison.changed))
    return comparison_lines(comparison), f"watchlists that changed: {changed}"
