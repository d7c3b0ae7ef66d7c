"""The commands that hold watchlists against what was published before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, settings_of

commands = typer.Typer()


@commands.command(epilog="Example:  monitor backtest --articles archive.jsonl.xz --watchlists new.yaml --json")
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

    loaded = load_watchlists(watchlists or settings_of(config).watchlists)
    matcher = compile_watchlists(loaded.watchlists)
    now, read, found = wall_clock(), 0, 0
    for article in read_articles(None if articles == "-" else Path(articles), now):
        read += 1
        for hit in matcher.match(article, now):
            found += 1
            typer.echo(match_line(hit) if as_json else describe_match(hit))
    typer.echo(f"{read} articles, {len(loaded.watchlists)} watchlists, {found} matches", err=True)
