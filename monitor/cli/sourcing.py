"""The commands on sources: how they are, one on trial, new ones, lists of them in and out."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from monitor.cli.frame import (
    DEFAULT_CONFIG,
    FINE,
    FOUND,
    UNABLE,
    ConfigFile,
    Json,
    opened_store,
    print_each,
    say,
    settings_of,
    write_file,
)
from monitor.errors import ParseError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.ingest.finding import Found, NotFound
    from monitor.ingest.opml import Outline
    from monitor.settings import Settings, Source
    from monitor.store.sql import SqlStore
    from monitor.writing import Entry

sources = typer.Typer(
    invoke_without_command=True,
    epilog="Examples:  monitor sources    monitor sources --json    monitor sources test agency",
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]


@sources.callback()
def health(context: typer.Context, *, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the sources and how they are; test, add, import, export.

    State, last success, last new article, articles a day, errors in a row, next poll, what is wrong. Those that bring
    nothing come first.
    """
    if context.invoked_subcommand:
        _refuse_options_before(context)
        return
    from monitor.clock import wall_clock
    from monitor.surveying import health_line, health_lines

    names = [source.id for source in settings_of(config).sources]
    with opened_store(config) as store:
        states = [store.source(name) for name in names]
    if as_json:
        print_each(states, line=health_line, none="")
    elif states:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print_each(health_lines(states, wall_clock(), width), line=str, none="")
    else:
        typer.echo("no sources are configured", err=True)


def _refuse_options_before(context: typer.Context) -> None:
    """Refuse an option that would be taken for the list's own and change nothing."""
    for name, option in (("config", "--config"), ("as_json", "--json")):
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"write {option} behind {context.invoked_subcommand!r}")


# --- One on trial ----------------------------------------------------------------------------------------------------


@sources.command("test", epilog="Examples:  monitor sources test agency    monitor sources test agency --json")
def sources_test(
    name: Annotated[str, typer.Argument(help="A source of the configuration.", metavar="ID")],
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Poll a source once and tell all that it did, storing nothing.

    What was asked and came, what became of each item and why, when it would be polled next. As the running service
    would, with what it knows, and beside it.
    """
    from monitor.clock import wall_clock
    from monitor.ingest.examining import examine
    from monitor.surveying import examination_lines, examination_records

    settings = settings_of(config)
    source = _chosen(settings, name)
    with _known_so_far(settings.store) as store:
        seen = examine(source, store, wall_clock())
    for line in examination_records(seen) if as_json else examination_lines(seen):
        say(line)
    raise typer.Exit(FOUND if seen.plan.status.is_failure else FINE)


def _chosen(settings: Settings, name: str) -> Source:
    from monitor.documents import did_you_mean

    known = {source.id: source for source in settings.sources}
    if name not in known:
        raise typer.BadParameter(f"no source is called {name!r}{did_you_mean(name, known)}")
    return known[name]


@contextmanager
def _known_so_far(address: str) -> Iterator[SqlStore]:
    """Open the store to read in it; where there is none yet, none is made, and nothing is known."""
    from monitor.store.sql import open_store

    with TemporaryDirectory() as folder:
        exists = Path(address.partition(":")[2]).exists()
        with closing(open_store(address if exists else f"sqlite:{folder}/state.db")) as store:
            yield store


# --- New ones --------------------------------------------------------------------------------------------------------


@sources.command(
    epilog="Examples:  monitor sources add example.org    "
    "monitor sources add https://example.org/news --items 'h2 a' --id desk"
)
def add(  # noqa: PLR0913 - options
    url: Annotated[str, typer.Argument(help="A feed, a sitemap, or a page of a site that has one.")],
    *,
    name: Annotated[str | None, typer.Option("--id", help="What to call it.", metavar="ID")] = None,
    items: Annotated[
        str | None, typer.Option("--items", help="Read the page itself: a CSS selector of its links to articles.")
    ] = None,
    internal: Annotated[bool, typer.Option("--internal", help="It is within the own network.")] = False,
    full_text: Annotated[bool, typer.Option("--full-text", help="Read each article from its own page.")] = False,
    dry_run: DryRun = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Find what can be polled at an address, show it, and write it into the sources file."""
    from monitor.clock import wall_clock
    from monitor.ingest.finding import NotFound, find
    from monitor.surveying import found_lines

    settings = settings_of(config)
    _refuse_unusable(settings, name, items, full_text=full_text)
    address = _address(url)
    _refuse_known(settings, address, items)
    found = find(address, wall_clock(), items=items, internal=internal)
    if isinstance(found, NotFound):
        _give_up(url, found)
    for line in found_lines(found):
        say(line)
    _refuse_known(settings, found.best.url, items)
    entry = _entry(settings, found, name)
    entry |= {"items": items} if items else {}
    entry |= {"full_text": "true"} if full_text else {}
    entry |= {"internal": "true"} if internal else {}
    _write(settings, [entry], dry_run=dry_run)


def _refuse_unusable(settings: Settings, name: str | None, items: str | None, *, full_text: bool) -> None:
    from monitor.ingest.listings import selector_fault
    from monitor.settings import is_id

    if name is not None and not is_id(name):
        raise typer.BadParameter("an id is made of letters, digits, '-', '_' and '.'")
    if name in {source.id for source in settings.sources}:
        raise typer.BadParameter(f"a source is called {name!r} already")
    if items is not None and (fault := selector_fault(items)):
        raise typer.BadParameter(f"--items: {fault}")
    if items is not None and full_text:
        raise typer.BadParameter("--full-text is for feeds and sitemaps; articles that a page lists are read anyway")


def _address(url: str) -> str:
    from monitor.ingest.addresses import AddressError
    from monitor.ingest.finding import usable_address

    try:
        return usable_address(url)
    except AddressError as error:
        raise typer.BadParameter(f"{url!r} cannot be asked: {error.reason}") from None


def _refuse_known(settings: Settings, address: str, items: str | None) -> None:
    from monitor.ingest.linting import place_of, same_address

    wanted = (same_address(address), items or "")
    known = next((source.id for source in settings.sources if place_of(source) == wanted), None)
    if known:
        typer.echo(f"monitor: {address} is polled already, by source {known!r}; nothing is written", err=True)
        raise typer.Exit(FOUND)


def _give_up(url: str, why: NotFound) -> NoReturn:
    hint = "; if it is within your own network, add --internal" if why.is_private else ""
    typer.echo(f"monitor: {url}: {why.reason}{hint}", err=True)
    raise typer.Exit(FOUND if why.was_reached else UNABLE)


def _entry(settings: Settings, found: Found, name: str | None) -> Entry:
    from monitor.ingest.discovery import proposed_id

    best = found.best
    taken = {source.id for source in settings.sources}
    key = "url" if best.kind == "feed" else best.kind
    return {"id": name or _unique(proposed_id(best.url, best.title), taken), key: best.url}


def _unique(name: str, taken: set[str]) -> str:
    return next(one for number in count(1) if (one := name if number == 1 else f"{name}-{number}") not in taken)


def _write(settings: Settings, entries: Sequence[Entry], *, dry_run: bool) -> None:
    """Write entries into the sources file, or say what to write there.

    Raises:
        Unavailable: it cannot be read or written.
        Problems: it cannot be read as YAML any more.
    """
    from monitor.writing import entry_lines, with_sources

    file = settings.sources_file
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{file} cannot be read: {error}") from error
    written = with_sources(file, text, entries)
    if written is None:
        typer.echo(f"monitor: {file} is written in a way that is left alone; add this to its sources:", err=True)
        for line in (line for entry in entries for line in entry_lines(entry)):
            say(line)
        raise typer.Exit(FOUND)
    if not dry_run:
        write_file(file.resolve(), written.text.encode())  # a link stays one
    say(f"{file}:{written.number}: {'would be written' if dry_run else 'written'}")
    for line in written.lines if dry_run or len(entries) == 1 else ():
        say(line)
    if not dry_run:
        say("a running monitor takes it over by itself")


# --- Lists of them ---------------------------------------------------------------------------------------------------


@sources.command("import", epilog="Examples:  monitor sources import feeds.opml    … --dry-run")
def sources_import(
    file: Annotated[Path, typer.Argument(help="A list of feeds (OPML), as readers of feeds export them.")],
    *,
    dry_run: DryRun = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add every feed of a list that is not polled yet. None of them is asked."""
    settings = settings_of(config)
    outlines = _outlines(file)
    entries, unusable = _new_entries(settings, outlines)
    for problem in unusable:
        typer.echo(problem, err=True)
    if entries:
        _write(settings, entries, dry_run=dry_run)
    known = len(outlines) - len(entries) - len(unusable)
    say(f"{len(entries)} added, {known} polled already, {len(unusable)} unusable" + (" (--dry-run)" if dry_run else ""))
    raise typer.Exit(FOUND if unusable else FINE)


def _outlines(file: Path) -> tuple[Outline, ...]:
    from monitor.ingest.opml import read_opml
    from monitor.ingest.polling import PARSE_WITHIN
    from monitor.worker import Workers

    try:
        with closing(Workers()) as workers:
            return workers.run(read_opml, file.read_bytes(), deadline=PARSE_WITHIN)
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror}") from error
    except ParseError as error:
        typer.echo(f"monitor: {file}: {error.reason}", err=True)
        raise typer.Exit(FOUND) from None


def _new_entries(settings: Settings, outlines: Sequence[Outline]) -> tuple[list[Entry], list[str]]:
    """Make entries of what is not polled yet, and say of what that cannot be done."""
    from monitor.ingest.addresses import AddressError
    from monitor.ingest.discovery import proposed_id
    from monitor.ingest.finding import is_private, usable_address
    from monitor.ingest.linting import same_address

    known = {same_address(source.address) for source in settings.sources if source.address}
    taken = {source.id for source in settings.sources}
    entries: list[Entry] = []
    unusable: list[str] = []
    for outline in outlines:
        try:
            url = usable_address(outline.url)
        except AddressError as error:
            unusable.append(f"{outline.url}: {error.reason}")
            continue
        if is_private(url):
            unusable.append(f"{outline.url}: it is within a private network: monitor sources add URL --internal")
        elif same_address(url) not in known:
            known.add(same_address(url))
            name = _unique(proposed_id(url, outline.title), taken)
            taken.add(name)
            entries.append({"id": name, "url": url})
    return entries, unusable


@sources.command("export", epilog="Examples:  monitor sources export    monitor sources export feeds.opml")
def sources_export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, on stdout.")] = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write a list of all feeds (OPML), as readers of feeds import them."""
    from monitor.clock import wall_clock
    from monitor.ingest.opml import Outline, write_opml
    from monitor.settings import with_variables

    settings = settings_of(config)
    hidden = with_variables(settings.sources_file)
    polled = [source for index, source in enumerate(settings.sources) if index not in hidden]
    feeds = [Outline(source.id, source.url) for source in polled if source.url]
    content = write_opml(feeds, "monitor", wall_clock())
    if file:
        write_file(file, content)
    else:
        sys.stdout.buffer.write(content)
    told = f"left out: {len(polled) - len(feeds)} that are no feeds, {len(hidden)} with variables in their addresses"
    typer.echo(f"{len(feeds)} feeds; {told}", err=True)
