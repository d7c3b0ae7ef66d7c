"""Templates run: the built-in ones here, an operator's own in a process that can be killed.

A template is a program. A sandbox keeps it from what is not its own, but bounds neither its memory nor its time, so
those of an operator run in a child with limits of both, and what they write is bounded too. Hides Jinja. What
templates see is made by `rendering`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from monitor.errors import ParseError
from monitor.notify.display import clean, cut, direction, enclose, isolate
from monitor.notify.terminal import STYLES
from monitor.worker import Workers

if TYPE_CHECKING:
    from jinja2 import Environment

BUILT_IN: Final = Path(__file__).parent / "templates"
NAMES: Final = tuple(sorted(file.name for file in BUILT_IN.iterdir()))

WRITES_AT_MOST: Final = 1_000_000
"""Characters of one message; a long digest has some 40,000."""

WITHIN: Final = timedelta(seconds=5)
MEMORY: Final = 512 << 20
"""Address space of the process that an operator's templates run in, in bytes; it maps some 250 MB before it begins."""

_REASON_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a template wrote nothing, and in which of its lines, as far as that is known."""

    line: int | None
    reason: str


class BuiltIn:
    """The templates that come with monitor. They are trusted, and run here."""

    def __init__(self) -> None:
        self._environment = _environment(BUILT_IN)

    def write(self, name: str, digest: object) -> str:
        """Run a template."""
        return self._environment.get_template(name).render(digest=digest)


class Overrides:
    """The templates of a folder, which stand in for built-in ones of the same name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers = Workers(1, memory=MEMORY)

    def write(self, name: str, digest: object) -> str | Fault | None:
        """Run a template: what it wrote, why it did not, or None when the folder has none of this name."""
        if not (self._folder / name).is_file():
            return None
        try:
            return self._workers.run(run_template, str(self._folder), name, digest, deadline=WITHIN)
        except ParseError as error:
            return Fault(None, error.reason)

    def close(self) -> None:
        """End the process. Closing twice is harmless."""
        self._workers.close()


def run_template(folder: str, name: str, digest: object) -> str | Fault:
    """Run an operator's template; in a child only."""
    try:
        template = _environment(Path(folder), BUILT_IN).get_template(name)
        written, parts = 0, []
        for part in template.generate(digest=digest):
            written += len(part)
            if written > WRITES_AT_MOST:
                return Fault(None, f"it writes more than {WRITES_AT_MOST:,} characters")
            parts.append(part)
        return "".join(parts)
    except TemplateSyntaxError as error:
        return Fault(error.lineno, _reason(error))
    except MemoryError:
        return Fault(None, "it needs too much memory")
    except Exception as error:  # noqa: BLE001 - a template is a program: it may raise anything
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename).name == name]
        return Fault(lines[-1] if lines else None, _reason(error))


def _reason(error: Exception) -> str:
    return cut(clean(f"{type(error).__name__}: {error}"), _REASON_LENGTH)


def _environment(*folders: Path) -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"], default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"isolate": isolate, "enclose": enclose, "direction": direction}
    environment.filters.update(filters)
    environment.globals["styles"] = STYLES
    return environment
