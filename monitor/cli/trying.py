"""The command that holds watchlists to their own examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, complain, say, settings_of, write_file
from monitor.errors import Problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.watchlists.loading import Loaded
    from monitor.watchlists.reporting import Suite

commands = typer.Typer()


@commands.command(
    "test",
    epilog="Examples:  monitor test    monitor test watchlists.yaml --junit report.xml    "
    "monitor test assad-extradition",
)
def try_watchlists(
    watchlists: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, ids of watchlists; without a file or folder, the configured ones."),
    ] = None,
    *,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report, for CI.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Hold each watchlist to its own examples."""
    from monitor.codec import to_json
    from monitor.notify.display import clean
    from monitor.watchlists.reporting import junit_report, tried_line, verdicts

    paths = [Path(one) for one in watchlists or () if _is_path(one)]
    ids = [one for one in watchlists or () if not _is_path(one)]
    paths = paths or [settings_of(config).watchlists]
    try:
        tried = _tried(paths, ids)
    except Problems as error:
        if junit:
            write_file(junit, junit_report((), [one for one in error.problems if one.level == "error"]))
        complain(error.problems)
        raise typer.Exit(FOUND) from None
    if junit:
        write_file(junit, junit_report(tried))
    lines = (to_json(tried_line(one)).decode() for suite in tried for one in suite.tried)
    for line in lines if as_json else verdicts(tried, clean):
        say(line)
    raise typer.Exit(FOUND if any(suite.failed for suite in tried) else FINE)


def _is_path(name: str) -> bool:
    """Tell a file or folder from an id, which has no separator and is no YAML file."""
    path = Path(name)
    return path.exists() or path.name != name or path.suffix in {".yaml", ".yml"}


def _tried(paths: Sequence[Path], ids: Sequence[str]) -> list[Suite]:
    from monitor.watchlists.loading import load_watchlists

    loaded = [load_watchlists(path) for path in paths]
    known = {name for one in loaded for name in one.places}
    for name in ids:
        if name not in known:
            raise typer.BadParameter(f"no file, folder or watchlist is called {name!r}{_near(name, known)}")
    return [suite for one in loaded for suite in _suites(one, frozenset(ids) or known)]


def _suites(loaded: Loaded, wanted: frozenset[str] | set[str]) -> Iterator[Suite]:
    from dataclasses import replace

    from monitor.clock import wall_clock
    from monitor.watchlists.examples import try_examples
    from monitor.watchlists.reporting import suites

    chosen = replace(loaded, examples=tuple(one for one in loaded.examples if one.watchlist in wanted))
    yield from suites(chosen, try_examples(chosen, wall_clock()), wanted)


def _near(name: str, known: set[str]) -> str:
    from monitor.documents import did_you_mean

    return did_you_mean(name, sorted(known))
