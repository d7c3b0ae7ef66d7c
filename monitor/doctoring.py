"""Whether this installation can work: what `monitor doctor` looks at, one finding after the other.

Looks and asks, and changes nothing: no message is sent, no source polled, no place on the bus moved. What is wrong
inside the files is `monitor check`'s affair; here it is one finding.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from monitor import __version__
from monitor.bus import open_bus
from monitor.errors import DeliveryError, Problems, Unavailable
from monitor.notify.channels import open_channels
from monitor.settings import load_settings
from monitor.store.sql import open_store
from monitor.watchlists.linting import check_watchlists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.settings import Settings
    from monitor.store.sql import SqlStore

ANSWERS_WITHIN: Final = 5.0
"""Seconds that the running service has to answer."""

LEAST_FREE: Final = 1 << 30
"""Bytes of disk: the log keeps thirty days of articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; ``remedy`` says what to do unless it is ``ok``."""

    what: str
    state: Literal["ok", "warning", "failing"]
    detail: str
    remedy: str = ""


def examine(config: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything that a service started now would need, cheapest first."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="monitor", state="ok", detail=f"{__version__}, Python {python}")
    try:
        settings = load_settings(config, environment)
    except Problems as error:
        yield _faulty("configuration", error, f"monitor check --config {config}")
        return
    told = f"{config}, {len(settings.sources)} sources, {len(settings.alerts.receivers)} receivers"
    yield Finding(what="configuration", state="ok", detail=told)
    yield _watchlists(settings.watchlists)
    yield from _disk(settings)
    yield _bus(settings.bus)
    yield from _store(settings)
    yield from _destinations(settings)
    yield _service(settings)


def _faulty(what: str, error: Problems, remedy: str) -> Finding:
    first, *others = error.problems
    more = f" (and {len(others)} more)" if others else ""
    return Finding(what=what, state="failing", detail=f"{first}{more}", remedy=remedy)


def _watchlists(path: Path) -> Finding:
    problems = check_watchlists(path)
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        return _faulty("watchlists", Problems(errors), f"monitor check {path}")
    warnings = sum(problem.level == "warning" for problem in problems)
    if warnings:
        detail = f"{path}, {warnings} warnings"
        return Finding(what="watchlists", state="warning", detail=detail, remedy=f"monitor check {path}")
    return Finding(what="watchlists", state="ok", detail=str(path))


def _disk(settings: Settings) -> Iterator[Finding]:
    """Look at the folders that the embedded log and the store stand in."""
    files = [address.partition(":")[2] for address in (settings.bus, settings.store) if address.startswith("sqlite:")]
    for folder in sorted({_nearest(Path(file).parent) for file in files}):
        if not os.access(folder, os.W_OK | os.X_OK):
            remedy = "give it to the user that runs monitor"
            yield Finding(what="disk", state="failing", detail=f"{folder} cannot be written", remedy=remedy)
            continue
        free = shutil.disk_usage(folder).free
        detail = f"{folder}, {free / (1 << 30):.1f} GB free"
        if free < LEAST_FREE:
            yield Finding(what="disk", state="warning", detail=detail, remedy="the log keeps 30 days; make room")
        else:
            yield Finding(what="disk", state="ok", detail=detail)


def _nearest(folder: Path) -> Path:
    """Find the folder, or the one in which it would be made."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _bus(address: str) -> Finding:
    try:
        open_bus(address).close()
    except Unavailable as error:
        return Finding(what="bus", state="failing", detail=str(error), remedy="see bus: in the configuration")
    return Finding(what="bus", state="ok", detail=address)


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        store = open_store(settings.store)
    except Unavailable as error:
        yield Finding(what="store", state="failing", detail=str(error), remedy="see store: in the configuration")
        return
    try:
        yield Finding(what="store", state="ok", detail=settings.store)
        yield from _sources(settings, store)
        yield from _work(store)
    finally:
        store.close()


def _sources(settings: Settings, store: SqlStore) -> Iterator[Finding]:
    states = [store.source(source.id) for source in settings.sources]
    for state in states:
        if state.errors:
            detail = f"{state.id} failed {state.errors} times in a row: {state.error}"
            yield Finding(what="sources", state="warning", detail=detail, remedy=f"monitor sources test {state.id}")
        elif state.silent_since:
            detail = f"{state.id} has brought nothing new since {state.silent_since:%Y-%m-%d %H:%MZ}"
            yield Finding(what="sources", state="warning", detail=detail, remedy=f"monitor sources test {state.id}")
    polled = sum(state.last_success is not None for state in states)
    if not any(state.errors or state.silent_since for state in states):
        yield Finding(what="sources", state="ok", detail=f"{polled} of {len(states)} polled so far, none failing")


def _work(store: SqlStore) -> Iterator[Finding]:
    backlog = store.backlog()
    if backlog.failed:
        detail = f"{backlog.failed} messages were given up"
        yield Finding(what="messages", state="warning", detail=detail, remedy="monitor alerts")
    else:
        yield Finding(what="messages", state="ok", detail=f"{backlog.waiting} waiting, none given up")
    dead = sum(letter.state == "kept" for letter in store.dead_letters())
    if dead:
        detail = f"{dead} records could not be processed"
        yield Finding(what="dead letters", state="warning", detail=detail, remedy="monitor dead list")
    else:
        yield Finding(what="dead letters", state="ok", detail="none")


def _destinations(settings: Settings) -> Iterator[Finding]:
    """Knock at every destination, without telling it anything."""
    channels = open_channels(settings)
    for name, receiver in settings.alerts.receivers.items():
        for channel, destination in receiver.destinations:
            what = f"receiver {name}"
            try:
                channels[channel].probe(destination)
            except DeliveryError as error:
                detail = f"{channel} {destination}: {error.reason}"
                yield Finding(what=what, state="failing", detail=detail, remedy=f"monitor receivers test {name}")
            else:
                yield Finding(what=what, state="ok", detail=f"{channel} {destination}")


def _service(settings: Settings) -> Finding:
    host, port = settings.listen
    address = f"http://{host}:{port}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=ANSWERS_WITHIN) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        return Finding(what="service", state="failing", detail=f"{address}: {_reasons(error)}", remedy="see its log")
    except OSError:
        detail = f"no service answers at {host}:{port}"
        return Finding(what="service", state="warning", detail=detail, remedy="monitor run")
    return Finding(what="service", state="ok", detail=f"ready, at {host}:{port}")


def _reasons(error: urllib.error.HTTPError) -> str:
    try:
        checks = json.loads(error.read())["checks"]
        return "; ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
    except (ValueError, KeyError, AttributeError):
        return f"answers {error.code}, which is none of monitor's answers"
