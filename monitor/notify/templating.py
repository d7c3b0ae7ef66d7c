"""Templates run: the built-in ones here, an operator's own in a process that can be killed.

A template is a program. A sandbox keeps it from what is not its own, but bounds neither its memory nor its time, so
those of an operator run in a child with limits of both, and what they write is bounded too. A fault is told once, and
one that ran into a limit is not tried again: each message would wait for it. Hides Jinja. What templates see is chosen
by `digesting`.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

import structlog
from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateSyntaxError,
    meta,
    nodes,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.errors import ParseError
from monitor.notify.display import clean, cut, direction, enclose, isolate, paragraph, phrase
from monitor.notify.terminal import STYLES
from monitor.worker import Workers

if TYPE_CHECKING:
    from jinja2 import Environment

BUILT_IN: Final = Path(__file__).parent / "templates"
NAMES: Final = tuple(sorted(file.name for file in BUILT_IN.iterdir()))
PREFIX: Final = "built-in"
"""``built-in/message.html`` is the built-in one, whatever the operator's folder has."""

MOST: Final = dict.fromkeys(NAMES, 1_000_000) | {"subject.txt": 500}
"""Characters that a template may write; a long digest has some 90,000. Mail servers refuse endless headers."""

WITHIN: Final = timedelta(seconds=5)
MEMORY: Final = 256 << 20
"""Address space of the process that an operator's templates run in, in bytes. It maps 110 MB itself (175 MB at first,
where there is room), and uses 30 MB."""

_REASON_LENGTH: Final = 300

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template wrote nothing, in which file and line, as far as that is known; ``limit`` if it ran into one."""

    file: str
    line: int | None
    reason: str
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a template names: variables that nobody gives it, in parts that do not run too, and other templates."""

    unknown: tuple[Fault, ...]
    uses: tuple[str, ...]


class BuiltIn:
    """The templates that come with monitor. They are trusted, and run here."""

    def __init__(self) -> None:
        self._environment = _environment(str(BUILT_IN))

    def write(self, name: str, digest: object) -> str:
        """Run a template."""
        return self._environment.get_template(name).render(digest=digest)


class Overrides:
    """The templates of a folder, which stand in for built-in ones of the same name; ``within`` bounds each run."""

    def __init__(self, folder: Path, within: timedelta = WITHIN) -> None:
        self._folder = folder
        self._within = within
        self._workers = Workers(1, memory=MEMORY)
        self._told: set[Fault] = set()
        self._given_up: set[str] = set()

    def write(self, name: str, digest: object) -> str | None:
        """Run a template: what it wrote, or None where the built-in one is to speak. Why is told once, in the log."""
        if name in self._given_up or not (self._folder / name).is_file():
            return None
        written = self.attempt(name, digest)
        if isinstance(written, str):
            return written
        if written not in self._told:
            self._told.add(written)
            _log.warning(
                "template failed, built-in text used", template=written.file, line=written.line, error=written.reason
            )
        if written.limit:
            self._given_up.add(name)
        return None

    def attempt(self, name: str, digest: object) -> str | Fault:
        """Run a template that is there: what it wrote, or why it did not."""
        try:
            return self._workers.run(run_template, str(self._folder), name, digest, deadline=self._within)
        except ParseError as error:
            return Fault(name, None, f"it was stopped: {error.reason}", limit=True)
        except CancelledError:
            return Fault(name, None, "templates are being exchanged")

    def inspect(self, name: str) -> Inspection | Fault:
        """Read a file without running it: what is known of it then, or why it cannot run."""
        try:
            return self._workers.run(inspect_template, str(self._folder), name, deadline=self._within)
        except ParseError as error:
            return Fault(name, None, f"it was stopped: {error.reason}", limit=True)

    def close(self) -> None:
        """End the process. Closing twice is harmless."""
        self._workers.close()


# --- In the child --------------------------------------------------------------------------------------------------


def run_template(folder: str, name: str, digest: object) -> str | Fault:
    """Run an operator's template; in a child only."""
    try:
        written, parts = 0, []
        for part in _environment(folder).get_template(name).generate(digest=digest):
            written += len(part)
            if written > MOST[name]:
                return Fault(name, None, f"it writes more than {MOST[name]:,} characters", limit=True)
            parts.append(part)
        text = "".join(parts)
        text.encode("utf-8")  # what cannot be encoded cannot be sent either
    except MemoryError:
        raise  # the worker replaces the process
    except Exception as error:  # noqa: BLE001 - a template is a program: it may raise anything
        return _fault(folder, name, error)
    return text if text.strip() else Fault(name, None, "it writes nothing")


def inspect_template(folder: str, name: str) -> Inspection | Fault:
    """Read an operator's template without running it; in a child only."""
    environment = _environment(folder)
    try:
        environment.get_template(name)  # compiled, so that unknown filters are told too
        tree = environment.parse((Path(folder) / name).read_text("utf-8"), name)
        unknown = meta.find_undeclared_variables(tree) - {"digest"} - environment.globals.keys()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - likewise
        return _fault(folder, name, error)
    places = [(each.lineno, each.name) for each in tree.find_all(nodes.Name) if each.name in unknown]
    return Inspection(
        unknown=tuple(Fault(name, line, f"templates are given no {each!r}") for line, each in places),
        uses=tuple(used for used in meta.find_referenced_templates(tree) if used),
    )


def _fault(folder: str, name: str, error: Exception) -> Fault:
    reason = cut(clean(f"{type(error).__name__}: {error}"), _REASON_LENGTH)
    if isinstance(error, TemplateSyntaxError):
        return Fault(error.name or name, error.lineno, reason)
    frames = ((Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__))
    places = [(str(file.relative_to(folder)), line) for file, line in frames if file.is_relative_to(folder)]
    file, line = places[-1] if places else (name, None)
    return Fault(file, line, reason)


# --- In both -------------------------------------------------------------------------------------------------------


@cache
def _environment(folder: str) -> Environment:
    built_in = FileSystemLoader(BUILT_IN)
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder), PrefixLoader({PREFIX: built_in})]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"], default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "isolate": isolate,
        "enclose": enclose,
        "paragraph": paragraph,
        "phrase": phrase,
        "direction": direction,
    }
    environment.filters.update(filters)
    environment.globals["styles"] = STYLES
    return environment
