"""The commands that say what is wrong before it is live."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FOUND, ConfigFile, write_file
from monitor.errors import Problem, Problems

commands = typer.Typer()


@commands.command(epilog="Examples:  monitor check    monitor check watchlists.yaml    monitor check lists/")
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files to check; without any, all that is configured.")
    ] = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Mend the mistakes of watchlists that YAML makes easy.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Tell all that is wrong in configuration and watchlists.

    One line each, as file:line:col: level: message. A note, on stderr, only tells how terms are read. What --fix mends
    is told likewise, as "fixed"; comments, order and everything else of the file stay as they are.
    """
    for path in paths or [config]:
        if fix:
            _mend(path)
    problems = sorted({problem for path in paths or [config] for problem in _check(path)})
    for problem in problems:
        # A note is no result: what reads ours, an editor or CI, wants what is to be mended.
        typer.echo(str(problem), err=problem.level == "note")
    if any(problem.level == "error" for problem in problems):
        raise typer.Exit(FOUND)
    warnings = sum(problem.level == "warning" for problem in problems)
    typer.echo(f"no errors, {warnings} warnings" if warnings else "no problems found", err=True)


def _mend(path: Path) -> None:
    """Mend the watchlists that a path is, or that a configuration names."""
    from monitor.settings import kind_of, watchlists_of
    from monitor.watchlists.loading import files_of
    from monitor.watchlists.traps import mend

    def kind(file: Path) -> str:
        try:
            return kind_of(file)
        except Problems:
            return "watchlists"  # what is no YAML yet may be mended

    named = watchlists_of(path, os.environ) if kind(path) == "main" else path
    if named is None or kind(named) != "watchlists":
        return
    for file in files_of(named):
        try:
            text = file.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # checking it will say so
        mended, done = mend(text)
        if done:
            write_file(file.resolve(), mended.encode())  # a link stays one
        for trap in done:
            typer.echo(f"{file}:{trap.line}:{trap.column}: fixed: {trap.message}")


def _check(path: Path) -> list[Problem]:
    from monitor.ingest.linting import check_sources
    from monitor.notify.proofing import check_templates
    from monitor.settings import check_settings, kind_of, sources_of
    from monitor.watchlists.linting import check_watchlists

    # Told by its look first: what is no YAML has no keys, and watchlists have names for most of their mistakes.
    if not path.is_file() or not _CONFIGURES.search(_text(path)):
        return check_watchlists(path, with_notes=True)
    try:
        kind = kind_of(path)
    except Problems as error:
        return list(error.problems)
    if kind == "watchlists":
        return check_watchlists(path, with_notes=True)
    problems, watchlists = check_settings(path, kind, os.environ)
    if polled := sources_of(path, kind, os.environ):
        problems += check_sources(*polled)
    if not watchlists:
        return problems
    return [*problems, *_check_together(path, watchlists), *check_templates(path.absolute().parent / "templates")]


def _check_together(path: Path, watchlists: Path) -> list[Problem]:
    """Check the watchlists that a configuration names, and whether its routes ask for what these and sources have."""
    from monitor.alerting.linting import check_routes
    from monitor.clock import wall_clock
    from monitor.documents import load_document
    from monitor.settings import load_settings
    from monitor.watchlists.linting import lint_watchlists
    from monitor.watchlists.loading import load_watchlists

    try:
        loaded = load_watchlists(watchlists)
    except Problems as error:
        return list(error.problems)
    problems = lint_watchlists(loaded, wall_clock(), with_notes=True)
    try:
        settings = load_settings(path, os.environ)
    except Problems:
        return problems  # those are told already
    headers, sources = [one.header for one in loaded.watchlists], [one.id for one in settings.sources]
    return [*problems, *check_routes(load_document(settings.files[2]), settings.alerts.route, headers, sources)]


_CONFIGURES: Final = re.compile(r"""^[ {"']*(?:bus|store|sources|receivers|route|smtp)["']?\s*:""", re.MULTILINE)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
