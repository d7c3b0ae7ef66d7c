"""The commands for a new installation: something to start from, and whether it can work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from monitor.cli.frame import DEFAULT_CONFIG, FINE, FOUND, ConfigFile, Json, say
from monitor.errors import Unavailable

commands = typer.Typer()

_START: Final = Path(__file__).with_name("start")
"""The files to begin with, as they will stand in the new folder; a test holds them to be without fault."""

_RENAMED: Final = {"gitignore": ".gitignore"}


@commands.command(epilog="Examples:  monitor init desk    monitor init")
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if it is not there.")] = Path(),
) -> None:
    """Write a configuration and watchlists to start from.

    Nothing that is there already is overwritten.
    """
    files = {
        folder / source.relative_to(_START).with_name(_RENAMED.get(source.name, source.name)): source.read_bytes()
        for source in sorted(_START.rglob("*"))
        if source.is_file()
    }
    if standing := [file for file in files if file.exists()]:
        typer.echo(f"monitor: nothing is written, {standing[0]} is there already; choose an empty folder", err=True)
        raise typer.Exit(FOUND)
    try:
        for file, content in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            say(f"wrote {file}")
    except OSError as error:
        raise Unavailable(f"{error.filename} cannot be written: {error.strerror}") from error
    go = "" if folder == Path() else f"cd {folder} && "
    say(f"\nnext:  {go}monitor run\nand edit {folder / 'watchlists.yaml'}: a running monitor takes it over when saved")


@commands.command(epilog="Examples:  monitor doctor    monitor doctor --json")
def doctor(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Tell whether this installation can work.

    Looks at files, disk, bus, store, destinations and the running service; sends nothing and changes nothing.
    """
    from dataclasses import asdict

    from monitor.codec import to_json
    from monitor.doctoring import examine

    failing = False
    for finding in examine(config, os.environ):
        failing = failing or finding.state == "failing"
        remedy = f"  → {finding.remedy}" if finding.remedy else ""
        line = f"{finding.state:8} {finding.what}: {finding.detail}{remedy}"
        say(to_json(asdict(finding)).decode() if as_json else line)
    raise typer.Exit(FOUND if failing else FINE)
