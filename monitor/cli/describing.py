"""The command that tells editors what the files may hold."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from monitor.cli.frame import say

commands = typer.Typer()


class Kind(StrEnum):
    """The files that have a schema."""

    WATCHLISTS = "watchlists"
    CONFIG = "config"
    SOURCES = "sources"
    ALERTS = "alerts"


@commands.command(epilog="Example:  monitor schema watchlists > watchlists.schema.json")
def schema(
    name: Annotated[Kind, typer.Argument(help="Whose schema: config is monitor.yaml.")],
) -> None:
    """Print a JSON Schema for editors.

    A first line "# yaml-language-server: $schema=watchlists.schema.json" in a file tells most editors to use it.
    """
    from monitor.schemas import json_schema

    say(json.dumps(json_schema(name), ensure_ascii=False, indent=2))
