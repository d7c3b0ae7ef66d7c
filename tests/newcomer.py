"""Does what the guide says, word for word, in one terminal: `make newcomer` times it from the clone on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GUIDE: Final = ROOT / "docs/first-watchlist.md"
OWN_ALERT: Final = "Grain exports · high"
"""What the guide's own watchlist prints first."""

_BLOCK: Final = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INVISIBLE: Final = re.compile("[\u2066-\u2069]|\x1b\\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Step:
    """A block of commands, and the lines that the guide says it prints."""

    commands: str
    promised: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What a step printed, and when it ended, in seconds from the start."""

    step: Step
    printed: str
    seconds: float


def steps() -> list[Step]:
    """Read the guide: each block of commands with the blocks of output that follow it."""
    found: list[Step] = []
    for language, text in _BLOCK.findall(GUIDE.read_text("utf-8")):
        if language == "sh":
            found.append(Step(text, ()))
        else:
            found[-1] = Step(found[-1].commands, (*found[-1].promised, *text.splitlines()))
    return found


def follow(guide: list[Step], folder: Path, path: str, **environment: str) -> list[Done]:
    """Run the steps in one shell, in ``folder``, until one of them fails."""
    shell = subprocess.Popen(
        ["bash"],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert shell.stdin
    assert shell.stdout
    start, done, mark = time.monotonic(), [], "=== the step has ended ==="
    for step in guide:
        shell.stdin.write(f"set -e\n{step.commands}\nset +e\necho '{mark}'\n")
        shell.stdin.flush()
        lines: list[str] = []
        while (line := shell.stdout.readline()) and line.strip() != mark:
            lines.append(line)
        done.append(Done(step, _INVISIBLE.sub("", "".join(lines)), time.monotonic() - start))
        if not line:
            break
    shell.stdin.close()
    shell.stdout.close()
    shell.wait()
    return done


def missing(done: Done) -> list[str]:
    """List the promised lines that were not printed."""
    return [line for line in done.step.promised if line.strip() not in done.printed]


def main() -> int:
    """Follow the whole guide in an empty folder and tell when the first alert of an own watchlist came."""
    guide = steps()
    with tempfile.TemporaryDirectory() as folder:
        run = follow(guide, Path(folder), os.environ["PATH"], REPOSITORY=str(ROOT))
    for done in run:
        print(f"{done.seconds:7.1f} s  {done.step.commands.splitlines()[0]}")
        if lost := missing(done):
            print(done.printed, f"not printed: {lost}", sep="\n")
            return 1
    if len(run) < len(guide):
        print(run[-1].printed)
        return 1
    first = next(done for done in run if OWN_ALERT in done.printed)
    print(f"from git clone to the first alert on one's own watchlist: {first.seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
