"""A monitor installed in a folder of its own, used as its users do: by its command, from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

MONITOR: Final = (sys.executable, "-m", "monitor")
MAIN: Final = """\
bus: {bus}
store: sqlite:var/state.db
watchlists: watchlists.yaml
sources: sources.yaml
alerts: alerts.yaml
"""
SOURCES: Final = "sources:\n  - {id: inbox, folder: inbox, settle: 0s}\n"
ALERTS: Final = "receivers:\n  here: {terminal: true, file: outbox}\nroute: {receiver: here}\n"
WATCHLISTS: Final = """\
version: 1
watchlists:
  - id: tartus
    name: Tartus
    terms:
      - ميناء طرطوس
"""


class Installation:
    """Configuration, an inbox that is a folder source, and the commands."""

    def __init__(
        self, folder: Path, *, watchlists: str = WATCHLISTS, sources: str = SOURCES, alerts: str = ALERTS, bus: str = ""
    ) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True)
        self.write("monitor.yaml", MAIN.format(bus=bus or "sqlite:var/bus.db"))
        self.write("sources.yaml", sources)
        self.write("alerts.yaml", alerts)
        self.write("watchlists.yaml", watchlists)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def put(self, name: str, text: str) -> None:
        """Drop an article into the inbox."""
        (self.inbox / name).write_text(text, "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a command gets; output is buffered as it is for users."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        return {**kept, "MONITOR_CONFIG": str(self.folder / "monitor.yaml")}

    def __call__(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [*MONITOR, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            input=stdin,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [*MONITOR, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command that lists, with ``--json``."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
