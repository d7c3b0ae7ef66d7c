"""What the commands share: exit codes, common options, opening what is configured, printing.

Exit 0 fine, 1 found problems, 2 usage, 3 could not do its work.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from monitor.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from monitor.errors import Problem
    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

FINE, FOUND, UNABLE = 0, 1, 3
T = TypeVar("T")

ConfigFile = Annotated[
    Path, typer.Option("--config", envvar="MONITOR_CONFIG", help="The configuration to use.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DEFAULT_CONFIG = Path("config/monitor.yaml")


def settings_of(config: Path) -> Settings:
    """Load the configuration; what does not keep monitor from starting is told on stderr.

    Raises:
        Problems: it cannot be used.
    """
    from monitor.settings import load_settings

    settings = load_settings(config, os.environ)
    complain(settings.warnings)
    return settings


@contextmanager
def opened_store(config: Path) -> Iterator[SqlStore]:
    """Open the store that a configuration names, and close it behind the command."""
    with opened(settings_of(config)) as store:
        yield store


@contextmanager
def opened(settings: Settings) -> Iterator[SqlStore]:
    """Open the configured store, and close it behind the command."""
    from monitor.store.sql import open_store

    store = open_store(settings.store)
    try:
        yield store
    finally:
        store.close()


def print_each(values: Iterable[T], *, line: Callable[[T], str], none: str) -> None:
    """Print each value as it comes; ``none`` goes to stderr when there is nothing."""
    empty = True
    for value in values:
        typer.echo(line(value))
        empty = False
    if empty and none:
        typer.echo(none, err=True)


def complain(problems: Iterable[Problem]) -> None:
    """Tell problems on stderr, one a line."""
    for problem in problems:
        typer.echo(str(problem), err=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside ``path`` to write into, which takes its place at the end: whole, or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        if path.exists():
            part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a result into a file.

    Raises:
        Unavailable: it cannot be written.
    """
    with replacing(path) as part:
        part.write_bytes(content)


def say(words: str) -> None:
    """Print a result at once, also into a pipe."""
    typer.echo(words)
    sys.stdout.flush()
