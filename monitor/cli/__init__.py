"""The command line: arguments in, results on stdout, logs and complaints on stderr, an exit code.

Each module holds the commands of one purpose. Rooms are imported inside the commands that need them, so that
``monitor --help`` answers at once. Nothing is decided here.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from monitor import __version__
from monitor.cli import (
    acting,
    burying,
    checking,
    describing,
    explaining,
    previewing,
    recounting,
    replaying,
    reporting,
    serving,
    silencing,
    sourcing,
    starting,
    telling,
    trying,
)
from monitor.cli.frame import FINE, UNABLE, complain
from monitor.errors import MonitorError, Problems

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="monitor",
    help="Watch the news for what your watchlists say, in Arabic first, and tell the right people once per story.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (serving, checking, trying, explaining, replaying, acting, starting, describing):
    app.add_typer(group.commands)
for part in (acting.of_alerts, recounting.of_alerts):
    reporting.alerts.add_typer(part)
app.add_typer(sourcing.sources, name="sources")
reporting.alerts.add_typer(previewing.commands)
app.add_typer(reporting.alerts, name="alerts")
app.add_typer(silencing.silence, name="silence", help="What nobody wants to hear of for a while: add, list, expire.")
app.add_typer(telling.receivers, name="receivers", help="Who is told: test.")
app.add_typer(replaying.archive, name="archive", help="The articles of the last thirty days: export.")
app.add_typer(burying.dead, name="dead", help="Records that could not be processed: list, show, retry, drop.")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; errors of the world are one line each, never a traceback."""
    from monitor.log import configure_logging

    configure_logging()
    try:
        app(args=arguments)
    except Problems as error:
        complain(error.problems)
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
