"""The command line: arguments in, results on stdout, logs and complaints on stderr, an exit code.

Exit 0 fine, 1 found problems, 2 usage, 3 could not do its work. Rooms are imported inside the commands that need
them, so that ``monitor --help`` answers at once. Nothing is decided here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from monitor import __version__
from monitor.errors import MonitorError, Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.ports import FiledLetter
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

FINE, FOUND, UNABLE = 0, 1, 3
T = TypeVar("T")

app = typer.Typer(
    name="monitor",
    help="Watch the news for what your watchlists say, in Arabic first, and tell the right people once per story.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
dead = typer.Typer(help="Records that could not be processed: list, show, retry, drop.", no_args_is_help=True)
app.add_typer(dead, name="dead")

ConfigFile = Annotated[
    Path, typer.Option("--config", envvar="MONITOR_CONFIG", help="The configuration to use.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DEFAULT_CONFIG = Path("config/monitor.yaml")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; errors of the world are one line each, never a traceback."""
    from monitor.log import configure_logging

    configure_logging()
    try:
        app(args=arguments)
    except Problems as error:
        _complain(error.problems)
    except MonitorError as error:
        typer.echo(f"monitor: {error}", err=True)
    except BrokenPipeError:
        # Whoever read our output went away (`monitor alerts | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)
    sys.exit(UNABLE)


@app.callback()
def _root(*, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"monitor {__version__}")
        raise typer.Exit(FINE)


# --- The service -----------------------------------------------------------------------------------------------------


@app.command(epilog="Examples:  monitor run    monitor run --until-idle --config desk/monitor.yaml")
def run(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Poll every source once, deliver what is owed, then end.")
    ] = False,
) -> None:
    """Run every stage in one process: poll, match, notify."""
    if until_idle:
        raise typer.Exit(_until_idle(config))
    _serve(config, ("poll", "match", "notify"))


@app.command(epilog="Example:  monitor poll --config /etc/monitor/monitor.yaml")
def poll(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the poller alone: sources to the bus."""
    _serve(config, ("poll",))


@app.command(epilog="Example:  monitor match --config /etc/monitor/monitor.yaml")
def match(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the matcher alone: articles against the watchlists."""
    _serve(config, ("match",))


@app.command(epilog="Example:  monitor notify --config /etc/monitor/monitor.yaml")
def notify(*, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the notifier alone: matches to alerts to messages."""
    _serve(config, ("notify",))


def _serve(config: Path, stages: Sequence[str]) -> None:
    from monitor.app import open_app

    with _until_signalled() as stop, open_app(_settings(config), stages) as service:
        service.claim()
        service.run(stop, _say)


def _until_idle(config: Path) -> int:
    from monitor.app import open_app

    with open_app(_settings(config)) as service:
        service.claim()
        outcome = service.until_idle()
    heard = f"{outcome.new_alerts} new" if outcome.new_alerts else "nothing new"
    _say(f"{heard}, {outcome.alerts} alerts stand; see `monitor alerts`")
    if outcome.failed_sources:
        typer.echo(f"monitor: {outcome.failed_sources} sources failed; see `monitor sources`", err=True)
    if outcome.undelivered:
        typer.echo(f"monitor: {outcome.undelivered} messages are not delivered yet; see `monitor alerts`", err=True)
    return FOUND if outcome.failed_sources or outcome.undelivered else FINE


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and Ctrl-C set, so that a stop is orderly and ends with exit code 0."""
    stop = threading.Event()
    handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


# --- What is configured ----------------------------------------------------------------------------------------------


@app.command(epilog="Examples:  monitor check    monitor check watchlists.yaml    monitor check lists/")
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files to check; without any, all that is configured.")
    ] = None,
    *,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Tell all that is wrong in configuration and watchlists, as file:line:col: level: message."""
    problems = sorted({problem for path in paths or [config] for problem in _check(path)})
    for problem in problems:
        typer.echo(str(problem))
    if any(problem.level == "error" for problem in problems):
        raise typer.Exit(FOUND)
    typer.echo(f"no errors, {len(problems)} warnings" if problems else "no problems found", err=True)


def _check(path: Path) -> list[Problem]:
    from monitor.settings import check_settings, kind_of
    from monitor.watchlists.linting import check_watchlists

    try:
        kind = kind_of(path)
    except Problems as error:
        return list(error.problems)
    if kind == "watchlists":
        return check_watchlists(path)
    problems, watchlists = check_settings(path, kind, os.environ)
    return [*problems, *(check_watchlists(watchlists) if watchlists else [])]


@app.command(epilog="Example:  monitor backtest --articles archive.jsonl.xz --watchlists new.yaml --json")
def backtest(
    *,
    articles: Annotated[
        str, typer.Option("--articles", help="A JSONL file (.xz and .gz too), a folder, or - for stdin.")
    ],
    watchlists: Annotated[Path | None, typer.Option("--watchlists", help="Instead of the configured ones.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Hold articles against watchlists with the live engine; nobody is told."""
    from monitor.app import wall_clock
    from monitor.ingest.folders import read_articles
    from monitor.matching import compile_watchlists
    from monitor.watchlists.backtesting import describe_match, match_line
    from monitor.watchlists.loading import load_watchlists

    loaded = load_watchlists(watchlists or _settings(config).watchlists)
    matcher = compile_watchlists(loaded.watchlists)
    now, read, found = wall_clock(), 0, 0
    for article in read_articles(None if articles == "-" else Path(articles), now):
        read += 1
        for hit in matcher.match(article, now):
            found += 1
            typer.echo(match_line(hit) if as_json else describe_match(hit))
    typer.echo(f"{read} articles, {len(loaded.watchlists)} watchlists, {found} matches", err=True)


# --- What happened ---------------------------------------------------------------------------------------------------


@app.command(epilog="Examples:  monitor alerts    monitor alerts --json")
def alerts(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the alerts, newest last: what was found, where, and who was told."""
    from monitor.listing import alert_line, alert_text

    with _store(config) as store:
        _list(store.alerts(), line=alert_line if as_json else alert_text, none="" if as_json else "no alerts yet")


@app.command(epilog="Examples:  monitor sources    monitor sources --json")
def sources(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the sources and how they are: state, last success, last new article, errors in a row."""
    from monitor.listing import source_line, source_text

    names = [source.id for source in _settings(config).sources]
    with _store(config) as store:
        states = [store.source(name) for name in names]
    _list(states, line=source_line if as_json else source_text, none="" if as_json else "no sources are configured")


@dead.command("list", epilog="Example:  monitor dead list --json")
def dead_list(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the dead letters that are kept."""
    from monitor.listing import dead_line, dead_text

    with _store(config) as store:
        kept = [letter for letter in store.dead_letters() if letter.state == "kept"]
    _list(kept, line=dead_line if as_json else dead_text, none="" if as_json else "no dead letters")


Number = Annotated[int, typer.Argument(help="The number that `monitor dead list` shows.")]


@dead.command("show", epilog="Example:  monitor dead show 3")
def dead_show(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show one dead letter whole: where it stood, its error, its bytes."""
    from monitor.listing import dead_whole

    with _store(config) as store:
        typer.echo(dead_whole(_letter(store, number)))


@dead.command("retry", epilog="Example:  monitor dead retry 3")
def dead_retry(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Put a dead letter back on the topic that it came from."""
    from monitor.bus import open_bus
    from monitor.ports import Outgoing

    settings = _settings(config)
    with _store(config) as store:
        letter = _letter(store, number).letter
        bus = open_bus(settings.bus)
        try:
            bus.publish(letter.topic, [Outgoing(key=letter.key, value=letter.value, headers=letter.headers)])
        finally:
            bus.close()
        store.mark_dead(number, "retried")
    _say(f"dead letter {number} is on {letter.topic!r} again")


@dead.command("drop", epilog="Example:  monitor dead drop 3")
def dead_drop(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Give a dead letter up; it is not listed any more."""
    with _store(config) as store:
        _letter(store, number)
        store.mark_dead(number, "dropped")
    _say(f"dead letter {number} is dropped")


# --- Shared ----------------------------------------------------------------------------------------------------------


def _settings(config: Path) -> Settings:
    from monitor.settings import load_settings

    settings = load_settings(config, os.environ)
    _complain(settings.warnings)
    return settings


@contextmanager
def _store(config: Path) -> Iterator[SqlStore]:
    from monitor.store.sql import open_store

    store = open_store(_settings(config).store)
    try:
        yield store
    finally:
        store.close()


def _letter(store: SqlStore, number: int) -> FiledLetter:
    letter = store.dead_letter(number)
    if letter is None or letter.state != "kept":
        raise typer.BadParameter(f"no dead letter {number} is kept; see `monitor dead list`")
    return letter


def _list(values: Iterable[T], *, line: Callable[[T], str], none: str) -> None:
    empty = True
    for value in values:
        typer.echo(line(value))
        empty = False
    if empty and none:
        typer.echo(none, err=True)


def _complain(problems: Iterable[Problem]) -> None:
    for problem in problems:
        typer.echo(str(problem), err=True)


def _say(words: str) -> None:
    typer.echo(words)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
