"""Watchlist files as they were at an earlier commit.

Hides git. Nothing in the work tree is touched: the files are written into a folder that is gone afterwards.
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import Problem, Problems, Unavailable
from monitor.watchlists.loading import SUFFIXES, load_watchlists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.watchlists.loading import Loaded


def load_earlier(path: Path, ref: str) -> Loaded:
    """Load the watchlists of a file or folder as they were at ``ref``: a commit, a branch, a tag.

    Raises:
        Unavailable: git does not know the folder, the commit, or the file at that commit.
        Problems: the watchlists of that time cannot be used; the places are in the files of that time.
    """
    with _checked_out(path, ref) as earlier:
        try:
            return load_watchlists(earlier)
        except Problems as error:
            raise Problems(_at(problem, earlier, path, ref) for problem in error.problems) from None


def _at(problem: Problem, earlier: Path, path: Path, ref: str) -> Problem:
    inner = problem.file.relative_to(earlier)
    file = path / inner if inner.name else path
    return Problem(Path(f"{ref}:{file}"), problem.line, problem.column, problem.level, problem.message)


@contextmanager
def _checked_out(path: Path, ref: str) -> Iterator[Path]:
    """Write the file or folder as it was into a folder for the moment."""
    folder = path.absolute() if path.is_dir() else path.absolute().parent
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    wanted = "." if path.is_dir() else path.name
    names = _git(folder, "ls-tree", "-z", "--name-only", commit, "./" if path.is_dir() else wanted).decode().split("\0")
    files = [name for name in names if Path(name).suffix in SUFFIXES or not path.is_dir()]
    with tempfile.TemporaryDirectory(prefix="monitor-") as made:
        found = [name for name in files if name]
        if not found:
            raise Unavailable(f"{path} was not there at {ref}")
        for name in found:
            (Path(made) / Path(name).name).write_bytes(_git(folder, "show", f"{commit}:./{name}"))
        yield Path(made) if path.is_dir() else Path(made) / wanted


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise Unavailable("comparing with an earlier commit needs git; install it") from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = said[-1] if said else "no such commit"
    raise Unavailable(f"git knows no {arguments[-1].removesuffix('^{commit}')!r} in {folder}: {reason}")
