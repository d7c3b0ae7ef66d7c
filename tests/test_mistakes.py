"""Files broken as people break them, each named after its fault: told in one clear line, mended where that is sure.

`tests/data/mistakes/expected.txt` has for each file the first line that `monitor check` must print.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from tests.installation import MONITOR

if TYPE_CHECKING:
    from typer.testing import Result

MISTAKES: Final = Path(__file__).parent / "data/mistakes"
FILES: Final = sorted(MISTAKES.glob("*.yaml"))
EXPECTED: Final = {line.partition(":")[0]: line for line in (MISTAKES / "expected.txt").read_text("utf-8").splitlines()}
LINE: Final = re.compile(r".+?:\d+:\d+: (error|warning|note|fixed): \S.*")
MENDED: Final = (
    "arabic-comma-between-items",
    "arabic-digits-as-a-number",
    "asterisk-at-the-beginning",
    "backtick-at-the-beginning",
    "bullet",
    "dash-without-a-space",
    "full-width-colon",
    "guillemets-around-a-term",
    "handle-at-the-beginning",
    "hashtag-is-a-comment",
    "hashtag-of-two-words",
    "key-without-a-space",
    "mark-behind-a-dash",
    "mark-behind-a-key",
    "no-break-space-as-indent",
    "no-break-space-behind-a-colon",
    "right-to-left-list-in-one-line",
    "right-to-left-mark-as-indent",
    "tab-behind-a-dash",
    "typographic-quotes-around-a-term",
    "zero-width-space-before-a-key",
)


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_every_mistake_says_what_is_expected_of_it() -> None:
    assert {file.name for file in FILES} == set(EXPECTED)
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_told_in_one_clear_line(file: Path) -> None:
    done = check(file)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    lines = done.stdout.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    expected = EXPECTED[file.name]
    assert lines[0].removeprefix(f"{MISTAKES}/") == expected
    assert done.exit_code == any(": error: " in line for line in lines)


@pytest.mark.parametrize("name", ["hashtag-is-a-comment", "nul-byte", "alerts-handle-without-quotes"])
def test_the_command_itself_tells_it_without_a_traceback(name: str) -> None:
    file = MISTAKES / f"{name}.yaml"
    done = subprocess.run([*MONITOR, "check", file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{MISTAKES}/{EXPECTED[file.name]}\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", MENDED)
def test_a_mistake_with_one_remedy_is_mended(tmp_path: Path, name: str) -> None:
    file = Path(shutil.copy(MISTAKES / f"{name}.yaml", tmp_path))
    done = check("--fix", file)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    line, column, _, message = EXPECTED[file.name].split(":", 4)[1:]
    assert lines[0] == f"{file}:{line}:{column}: fixed:{message}"
    assert not [line for line in lines if ": error: " in line or ": warning: " in line]
    mended = file.read_bytes()
    assert "fixed" not in check("--fix", file).stdout
    assert file.read_bytes() == mended


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_mended_is_told_and_nothing_else_is_touched(tmp_path: Path, file: Path) -> None:
    copied = Path(shutil.copy(file, tmp_path))
    told = [line for line in check("--fix", copied).stdout.splitlines() if ": fixed: " in line]
    assert bool(told) == (copied.read_bytes() != file.read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == [copied.name]
