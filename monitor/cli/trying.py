"""The command that holds watchlists to their own examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, say, settings_of, write_file

commands = typer.Typer()


@commands.command("test", epilog="Examples:  monitor test    monitor test watchlists.yaml --junit report.xml")
def try_watchlists(
    watchlists: Annotated[
        Path | None, typer.Argument(help="A file or a folder; without it, the configured watchlists.")
    ] = None,
    *,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report, for CI.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Hold each watchlist to its own examples."""
    from monitor.app import wall_clock
    from monitor.codec import to_json
    from monitor.watchlists.examples import try_examples
    from monitor.watchlists.loading import load_watchlists
    from monitor.watchlists.reporting import junit_report, tried_line, verdicts

    loaded = load_watchlists(watchlists or settings_of(config).watchlists)
    tried = list(try_examples(loaded, wall_clock()))
    if junit:
        write_file(junit, junit_report(tried))
    if as_json:
        for one in tried:
            say(to_json(tried_line(one)).decode())
    else:
        for words in verdicts(loaded, tried):
            say(words)
    raise typer.Exit(FOUND if any(one.fault for one in tried) else FINE)
