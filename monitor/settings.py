"""The configuration: config/monitor.yaml and the two files that it names, read once into frozen models.

Hides where paths are relative to (the file that they stand in), the expansion of ``${NAME}``, ``${NAME:-default}``
and ``${file:/path}``, and the collection of every problem of every file before anything starts. Does not read
watchlists (`watchlists.loading`) and opens nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from monitor.documents import Document, Duration, Strict, Tree, did_you_mean, load_document, parse_duration, validate
from monitor.errors import Problem, Problems
from monitor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from monitor.documents import Path_

_ID: Final = re.compile(r"[\w][\w.-]*")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _beside(value: object, info: ValidationInfo) -> object:
    return Path(os.path.normpath(info.context["folder"] / value)) if isinstance(value, str) and info.context else value


def _address(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not info.context:
        return value
    scheme, _, rest = value.partition(":")
    return f"sqlite:{os.path.normpath(info.context['folder'] / rest)}" if scheme == "sqlite" and rest else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
RelativePath = Annotated[Path, BeforeValidator(_beside)]
Address = Annotated[str, BeforeValidator(_address)]


class Source(Strict):
    """One thing polled. ``backfill`` is what the first poll may tell: nothing, all, or what is at most so old."""

    id: str
    url: str | None = None
    folder: RelativePath | None = None
    interval: Duration | None = None
    lang: str | None = None
    tier: int | None = Field(default=None, ge=1)
    backfill: Literal["none", "all"] | timedelta | None = None
    max_age: Duration | None = None
    settle: Duration = timedelta(seconds=1)

    @field_validator("id")
    @classmethod
    def _usable_id(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("an id is made of letters, digits, '-', '_' and '.'")
        return value

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value):
            raise ValueError("a feed's url begins with http:// or https://")
        return value

    @field_validator("backfill", mode="before")
    @classmethod
    def _window(cls, value: object) -> object:
        return parse_duration(value) if isinstance(value, str) and value not in {"none", "all"} else value

    @field_validator("interval")
    @classmethod
    def _not_zero(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(seconds=1):
            raise ValueError("an interval is at least 1s")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.url is None) == (self.folder is None):
            raise ValueError("a source has either url: (a feed) or folder:")
        return self

    @property
    def every(self) -> timedelta:
        """Time between polls: as written, else 5 minutes for feeds and 2 seconds for folders."""
        return self.interval or (timedelta(seconds=2) if self.folder else timedelta(minutes=5))

    @property
    def first_poll(self) -> Literal["none", "all"] | timedelta:
        """What of a new source's back issues may alert: by default all of a folder, nothing of a feed."""
        return self.backfill or ("all" if self.folder else "none")

    @property
    def oldest(self) -> timedelta | None:
        """Age from which an article is held back: by default none for folders and 48 hours for feeds."""
        return self.max_age or (None if self.folder else timedelta(hours=48))


class Sources(Strict):
    """config/sources.yaml."""

    sources: tuple[Source, ...] = ()


class Email(Strict):
    """Mail to each of these addresses, one message a recipient."""

    to: Texts = Field(min_length=1)

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", address):
                raise ValueError(f"{address!r} is no mail address")
        return value


class Receiver(Strict):
    """A named set of channel targets."""

    email: Email | None = None
    terminal: bool = False
    file: RelativePath | None = None

    @property
    def destinations(self) -> tuple[tuple[str, str], ...]:
        """Each target as (channel, destination): ``("email", "desk@example.org")``, ``("terminal", "-")`` …."""
        mail = [("email", address) for address in self.email.to] if self.email else []
        screen = [("terminal", "-")] if self.terminal else []
        return (*screen, *([("file", str(self.file))] if self.file else []), *mail)


class RouteMatch(Strict):
    """What an alert must be for a route to take it; each given key must hold, each list is an or."""

    severity: Annotated[tuple[Severity, ...], BeforeValidator(_as_list)] = ()
    owner: Texts = ()
    labels: dict[str, str] = Field(default_factory=dict)


class Route(Strict):
    """A node of the route tree: the first child that takes an alert decides, else the node itself."""

    receiver: Texts = ()
    match: RouteMatch = RouteMatch()
    group_wait: Duration | None = None
    routes: tuple[Route, ...] = ()


class Smtp(Strict):
    """The mail server. ``tls`` is starttls, implicit (port 465) or none."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    sender: str = Field(alias="from")


class Alerts(Strict):
    """config/alerts.yaml: who is told, and how."""

    receivers: dict[str, Receiver]
    route: Route
    smtp: Smtp | None = None


class Main(Strict):
    """config/monitor.yaml."""

    bus: Address
    store: Address
    watchlists: RelativePath
    sources: RelativePath
    alerts: RelativePath

    @field_validator("bus")
    @classmethod
    def _known_bus(cls, value: str) -> str:
        if not re.match(r"sqlite:.|kafka://[^/\s]+$", value):
            raise ValueError("a bus is sqlite:PATH or kafka://host:9092,host:9092")
        return value

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        if not re.match(r"sqlite:.", value):
            raise ValueError("a store is sqlite:PATH")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that was configured. ``warnings`` do not keep monitor from starting; `check` prints them."""

    file: Path
    bus: str
    store: str
    watchlists: Path
    sources: tuple[Source, ...]
    alerts: Alerts
    warnings: tuple[Problem, ...] = ()


def load_settings(file: Path, environment: Mapping[str, str]) -> Settings:
    """Read the configuration that begins at ``file``.

    Raises:
        Problems: every error found, in whichever of the files.
    """
    document = load_document(file)
    main = _read(document, Main, environment)
    problems: list[Problem] = []
    sources = _attempt(problems, lambda: _load_sources(main.sources, environment))
    alerts = _attempt(problems, lambda: _load_alerts(main.alerts, environment))
    if sources is None or alerts is None or any(problem.level == "error" for problem in problems):
        raise Problems(problems)
    return Settings(
        file=file,
        bus=main.bus,
        store=main.store,
        watchlists=main.watchlists,
        sources=sources.sources,
        alerts=alerts[0],
        warnings=alerts[1],
    )


def _attempt[T](problems: list[Problem], load: Any) -> Any: ...
