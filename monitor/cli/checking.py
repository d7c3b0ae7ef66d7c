"""The commands that say what is wrong before it is live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FOUND, ConfigFile
from monitor.errors import Problem, Problems

commands = typer.Typer()


@commands.command(epilog="Examples:  monitor check    monitor check watchlists.yaml    monitor check lists/")
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
