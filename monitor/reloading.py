"""Configuration and watchlists that follow their files: built whole, then handed over, the last good ones kept.

Hides which files count, how a change is noticed (by looking, which works on every mount) and when it is complete: the
files have been quiet for a second and git holds no lock on them. Does not decide what a stage does with a new setup.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor.errors import Problem, Problems
from monitor.settings import load_settings
from monitor.watchlists.loading import SUFFIXES, Loaded, load_watchlists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from monitor.settings import Settings

QUIET: Final = timedelta(seconds=1)
"""How long files must stand still: an editor or `git pull` writes several, one after the other."""

LOCKED_FOR: Final = timedelta(minutes=1)
"""How long git is waited for; an older lock was left behind by a git that died."""

Stamp = tuple[str, int, int, int]
Signature = tuple[Stamp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that stages are made of. ``watchlists`` is None where no stage matches."""

    settings: Settings
    watchlists: Loaded | None


def load_setup(file: Path, environment: Mapping[str, str], *, matching: bool) -> Setup:
    """Read the configuration that begins at ``file``, and the watchlists if something is held against them.

    Raises:
        Problems: something of it cannot be used.
    """
    settings = load_settings(file, environment)
    return Setup(settings=settings, watchlists=load_watchlists(settings.watchlists) if matching else None)


# --- When to load again: pure ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watch:
    """What the files looked like when they were ``taken`` last, and at the last look, and since when they look so."""

    taken: Signature
    seen: Signature
    since: datetime


def look(watch: Watch, signature: Signature, now: datetime, *, locked: bool, asked: bool) -> tuple[Watch, bool]:
    """Compare a look at the files with the last one; say whether to load them now.

    They are loaded when they have changed since they were taken, stand still for `QUIET` and are not ``locked``; at
    once when somebody ``asked``.
    """
    if asked:
        return Watch(signature, signature, now), True
    if signature != watch.seen:
        return replace(watch, seen=signature, since=now), False
    due = signature != watch.taken and not locked and now - watch.since >= QUIET
    return (replace(watch, taken=signature) if due else watch), due


# --- Files -----------------------------------------------------------------------------------------------------------


class Following:
    """A setup that follows its files. ``current`` is the last that could be used whole."""

    def __init__(self, setup: Setup, load: Callable[[], Setup], now: datetime) -> None:
        self.current = setup
        self._load = load
        signature = take_signature(setup)
        self._watch = Watch(signature, signature, now)

    def refresh(self, now: datetime, *, asked: bool = False) -> Setup | Problems | None:
        """Look at the files, and load them if it is time to.

        Returns the new setup, now ``current``; or what is wrong, while ``current`` stays; or None: no change yet.
        """
        self._watch, due = look(
            self._watch,
            take_signature(self.current),
            now,
            locked=is_locked(self.current.settings.file, now) or is_locked(self.current.settings.watchlists, now),
            asked=asked,
        )
        if not due:
            return None
        try:
            self.current = self._load()
        except Problems as problems:
            return problems
        # The new configuration may name other files; how they look now is what was taken.
        signature = take_signature(self.current)
        if {stamp[0] for stamp in signature} != {stamp[0] for stamp in self._watch.taken}:
            self._watch = Watch(signature, signature, now)
        return self.current


def take_signature(setup: Setup) -> Signature:
    """Tell one state of the files from another: by name, inode (an atomic replace), time and size."""
    settings = setup.settings
    watchlists = [settings.watchlists] if setup.watchlists else []
    return tuple(stamp for path in (*settings.files, settings.templates, *watchlists) for stamp in _stamps(path))


def _stamps(path: Path) -> Iterator[Stamp]:
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            if file == path or file.suffix in SUFFIXES | {".txt", ".html"}:
                stat = file.stat()
                yield str(file), stat.st_ino, stat.st_mtime_ns, stat.st_size
    except OSError:
        yield str(path), 0, 0, 0  # missing or unreadable: loading it will say so


def is_locked(path: Path, now: datetime) -> bool:
    """Whether git is at work on the files around ``path``."""
    top = next((folder for folder in path.absolute().parents if (folder / ".git").exists()), None)
    if top is None:
        return False
    try:
        lock = _git_folder(top / ".git") / "index.lock"
        return now.timestamp() - lock.stat().st_mtime < LOCKED_FOR.total_seconds()
    except OSError:
        return False


def _git_folder(found: Path) -> Path:
    """Follow the file that stands for the folder in a linked work tree."""
    return found if found.is_dir() else found.parent / found.read_text("utf-8").removeprefix("gitdir:").strip()


# --- What a change comes to ------------------------------------------------------------------------------------------


def changes(before: Setup, after: Setup) -> dict[str, list[str]]:
    """Name what was added, changed and removed: watchlists and sources by id; what needs a restart by its key."""
    old = {one.header.id: one for one in (before.watchlists.watchlists if before.watchlists else ())}
    new = {one.header.id: one for one in (after.watchlists.watchlists if after.watchlists else ())}
    old_sources = {source.id: source for source in before.settings.sources}
    new_sources = {source.id: source for source in after.settings.sources}
    found = {
        "added": sorted(new.keys() - old.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        "removed": sorted(old.keys() - new.keys()),
        "sources_added": sorted(new_sources.keys() - old_sources.keys()),
        "sources_changed": sorted(
            name for name in new_sources.keys() & old_sources.keys() if new_sources[name] != old_sources[name]
        ),
        "sources_removed": sorted(old_sources.keys() - new_sources.keys()),
        "alerts": ["changed"] if before.settings.alerts != after.settings.alerts else [],
        "needs_restart": [
            key for key in ("bus", "store", "listen") if getattr(before.settings, key) != getattr(after.settings, key)
        ],
    }
    return {what: names for what, names in found.items() if names}


def first(problems: Problems) -> Problem:
    """Return the first problem that is an error."""
    return next(problem for problem in problems.problems if problem.level == "error")
