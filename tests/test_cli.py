"""The command line: help at once, exit codes, results on stdout and everything else on stderr."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.installation import MONITOR, Installation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COMMANDS = (
    "run",
    "poll",
    "match",
    "notify",
    "check",
    "test",
    "backtest",
    "alerts",
    "ack",
    "silence",
    "sources",
    "dead",
    "archive",
    "init",
)
HEAVY = ("sqlalchemy", "pydantic", "protego", "kafka", "feedparser", "jinja2", "trafilatura", "alembic", "apscheduler")


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MONITOR, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = f"""
import sys
from monitor.cli import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
loaded = sorted(set(sys.modules) & set({HEAVY!r}))
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    done = run([command, "--help"])
    assert done.returncode == 0
    assert "Example" in done.stdout or command in {"dead", "archive", "silence"}


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["run", "--nonsense"], ["backtest", "--since", "x"], ["dead", "show", "x"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    done = run(arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_check_is_quiet_about_what_is_right(tmp_path: Path) -> None:
    done = Installation(tmp_path / "desk")("check")
    assert (done.returncode, done.stdout) == (0, "")


def test_check_tells_every_fault_with_its_place(tmp_path: Path) -> None:
    monitor = Installation(tmp_path / "desk", watchlists="version: 1\nwatchlists: [{name: X, terms: []}]\n")
    monitor.write("alerts.yaml", "receivers: {here: {terminal: true}}\nroute: {receiver: hree}\n")
    done = monitor("check")
    assert done.returncode == 1
    assert "alerts.yaml:2:19: error: no receiver is called 'hree'; did you mean 'here'?" in done.stdout
    assert "watchlists.yaml:2:" in done.stdout


@pytest.mark.parametrize("name", ["watchlists.yaml", "sources.yaml", "alerts.yaml", "monitor.yaml"])
def test_check_works_on_a_lone_file(tmp_path: Path, name: str) -> None:
    monitor = Installation(tmp_path / "desk")
    assert monitor("check", str(monitor.folder / name)).returncode == 0
    monitor.write(name, "nonsense: [\n")
    broken = monitor("check", str(monitor.folder / name))
    assert broken.returncode == 1
    assert f"{name}:" in broken.stdout


def test_check_runs_the_examples_of_watchlists(tmp_path: Path) -> None:
    lists = "version: 1\nwatchlists:\n  - {name: Port, terms: [ميناء], examples: {alert: [وصل القطار]}}\n"
    monitor = Installation(tmp_path / "desk", watchlists=lists)
    done = monitor("check")
    assert done.returncode == 1
    assert "watchlists.yaml:3:" in done.stdout


def test_backtest_reads_standard_input_and_prints_one_match_a_line(tmp_path: Path) -> None:
    monitor = Installation(tmp_path / "desk")
    articles = '{"id": "a", "title": "في ميناء طرطوس", "text": "خبر"}\n{"id": "b", "title": "غيره", "text": "خبر"}\n'
    done = monitor("backtest", "--articles", "-", "--json", stdin=articles)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert '"article":"a"' in line
    assert "articles: 2, watchlists: 1, matches: 1" in done.stderr


def test_backtest_tells_the_line_that_it_cannot_read_and_goes_on(tmp_path: Path) -> None:
    monitor = Installation(tmp_path / "desk")
    file = tmp_path / "archive.jsonl"
    file.write_text('{"id": "a", "title": "x", "text": "y"}\n{"id": \n', "utf-8")
    done = monitor("backtest", "--articles", str(file))
    assert done.returncode == 0
    assert "archive.jsonl:2:1: error: not valid JSON" in done.stderr
    assert "articles: 1, " in done.stderr
    assert "Traceback" not in done.stderr
