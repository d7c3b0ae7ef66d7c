"""The configuration: config/monitor.yaml and the two files that it names, read once into frozen models.

Hides where paths are relative to (the file that they stand in), the expansion of ``${NAME}``, ``${NAME:-default}``
and ``${file:/path}``, and the collection of every problem of every file before anything starts. Does not read
watchlists (`watchlists.loading`) and opens nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from monitor.calendars import FOR_EVER, WEEKDAYS, Hours, end_of, parse_clock, parse_cron, parse_zone
from monitor.documents import Document, Duration, Strict, Tree, did_you_mean, load_document, parse_duration, validate
from monitor.errors import Problem, Problems
from monitor.model import Severity, stable_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self
    from zoneinfo import ZoneInfo

    from monitor.documents import Path_

T = TypeVar("T")
M = TypeVar("M", bound=Strict)
_ID: Final = re.compile(r"[\w][\w.-]*")
_WEB_ADDRESS: Final = re.compile(r"https?://[^/\s]+")
_SECRET: Final = re.compile(r"[!-~]+")
_RELAY: Final = re.compile(r"[a-z][a-z0-9+.-]*://.", re.ASCII | re.IGNORECASE)
_CHANNEL: Final = re.compile(r"#?[\w.-]+")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
DIMENSIONS: Final = ("watchlist", "owner", "severity", "source", "lang")
"""What alerts may be grouped by, labels apart."""
_OUR_HEADERS: Final = frozenset(
    {"host", "connection", "content-length", "accept-encoding", "if-none-match", "if-modified-since"}
)


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
    """One thing polled: a feed, a news sitemap, a page that lists articles, or a folder."""

    id: str
    """What it is called in lists, metrics and `only:`."""
    url: str | None = None
    """A feed: RSS, Atom or JSON Feed."""
    sitemap: str | None = None
    """A news sitemap, or an index of sitemaps."""
    page: str | None = None
    """A page that lists articles; `items` says which of its links they are."""
    items: str | None = None
    """A CSS selector of the links to articles on a `page`, or of what each stands in."""
    folder: RelativePath | None = None
    """A folder of `.txt`, `.html`, `.json` and `.jsonl` files."""
    full_text: bool = False
    """Read each new article from its own page, where a feed or sitemap has but a few words of it."""
    interval: Duration | None = None
    """Time between polls: 5 minutes, folders 2 seconds, unless it says so."""
    adaptive: bool = True
    """Poll busy sources more often (up to `interval`/4) and quiet ones less (down to once in 24h)."""
    lang: str | None = None
    """Its language, for articles that do not say."""
    tier: int | None = Field(default=None, ge=1)
    """How much it is trusted, 1 the most."""
    backfill: Literal["none", "all"] | timedelta | None = None
    """What of its back issues may alert: `none`, `all`, or what is at most so old. Folders: all, others: none."""
    max_age: Duration | None = None
    """Articles older than this are recorded and alert nobody: 48h, for folders none."""
    settle: Duration = timedelta(seconds=1)
    """How long a file must stand still before it is read."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers that its server asks for, such as an API key; no other server is sent them."""
    internal: bool = False
    """It is within the own network; others are refused private addresses, and this one is not spared."""

    @field_validator("id")
    @classmethod
    def _usable_id(cls, value: str) -> str:
        if not is_id(value):
            raise ValueError("an id is made of letters, digits, '-', '_' and '.'")
        return value

    @field_validator("url", "sitemap", "page")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not _WEB_ADDRESS.match(value):
            raise ValueError("an address begins with http:// or https://")
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

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, secret in value.items():
            if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(secret.get_secret_value()):
                raise ValueError(f"{name!r} is no header that can be sent, with a value in ASCII and in one line")
            if name.lower() in _OUR_HEADERS:
                raise ValueError(f"{name} is set by monitor itself")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(given is not None for given in (self.url, self.sitemap, self.page, self.folder)) != 1:
            raise ValueError("a source has either url: (a feed), sitemap:, page: or folder:")
        if (self.page is None) != (self.items is None):
            raise ValueError("page: and items: go together: a page, and the CSS selector of the links on it")
        if self.full_text and (self.page or self.folder):
            raise ValueError("full_text: is for feeds and sitemaps; pages are read in full anyway")
        return self

    @property
    def address(self) -> str | None:
        """What is fetched; None for a folder."""
        return self.url or self.sitemap or self.page

    @property
    def every(self) -> timedelta:
        """Time between polls: as written, else 5 minutes, for folders 2 seconds."""
        return self.interval or (timedelta(seconds=2) if self.folder else timedelta(minutes=5))

    @property
    def first_poll(self) -> Literal["none", "all"] | timedelta:
        """What of a new source's back issues may alert: by default all of a folder, nothing of others."""
        return self.backfill or ("all" if self.folder else "none")

    @property
    def oldest(self) -> timedelta | None:
        """Age from which an article is held back: by default none for folders and 48 hours for others."""
        return self.max_age or (None if self.folder else timedelta(hours=48))


class Sources(Strict):
    """config/sources.yaml."""

    sources: tuple[Source, ...] = ()
    """What is polled."""


class Email(Strict):
    """Mail to each of these addresses, one message a recipient."""

    to: Texts = Field(min_length=1)
    """One address or a list of them."""

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", address):
                raise ValueError(f"{address!r} is no mail address")
        return value


class Slack(Strict):
    """A Slack channel, by a bot's token; or whatever stands behind a webhook, which cannot be edited afterwards."""

    channel: str | None = None
    """Its name (`"#levant"`, in quotes) or its id. The bot must be a member of it."""
    token: SecretStr | None = None
    """The bot's token (`xoxb-…`), with the scopes `chat:write`, `channels:history` and `groups:history`."""
    webhook: SecretStr | None = None
    """An incoming webhook's address, instead of both."""

    @field_validator("channel")
    @classmethod
    def _channel(cls, value: str | None) -> str | None:
        if value is None:
            raise ValueError('a channel\'s name stands in quotes, "#levant": a bare # begins a comment')
        if not _CHANNEL.fullmatch(value):
            raise ValueError(f'{value!r} is no channel; write its name, such as "#levant", or its id')
        return value

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("this is no token; it begins with xoxb- and holds no spaces")
        return value

    @field_validator("webhook")
    @classmethod
    def _webhook(cls, value: SecretStr | None) -> SecretStr | None:
        given = value.get_secret_value() if value else None
        if given is not None and not (_WEB_ADDRESS.match(given) and _SECRET.fullmatch(given)):
            raise ValueError("a webhook is an address: it begins with https:// and holds no spaces")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.webhook is None) == (self.token is None) or (self.token is None) != (self.channel is None):
            raise ValueError("slack: has either channel: and token:, or webhook:")
        return self

    @property
    def destination(self) -> str:
        """What it is called where people see it, without its secret."""
        return self.channel or _hidden("webhook", self.webhook)


class Apprise(Strict):
    """Any service that Apprise knows; needs `pip install "monitor[apprise]"`."""

    url: Annotated[tuple[SecretStr, ...], BeforeValidator(_as_list)] = Field(min_length=1)
    """Addresses as Apprise writes them (`ntfy://…`, `tgram://…`), each a destination of its own."""

    @field_validator("url")
    @classmethod
    def _addresses(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(_RELAY.match(url.get_secret_value()) for url in value):
            raise ValueError("an address as Apprise writes it begins with the service's name, such as ntfy://")
        return value


def _hidden(what: str, secret: SecretStr | None) -> str:
    """Name an address that is a secret: always the same, and of no use to who reads it."""
    return f"{what} {stable_hash('secret', secret.get_secret_value() if secret else '')[:6]}"


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class QuietHours(Strict):
    """Hours in which a receiver is told of nothing but what is grave; the rest waits for their end."""

    begin: str = Field(alias="from")
    """A time of day of the receiver's zone, such as `"23:00"`."""
    end: str = Field(alias="to")
    """Another, up to `"24:00"`; of the next day, unless it is after `from`."""
    days: Annotated[tuple[Weekday, ...], BeforeValidator(_as_list)] = ()
    """The days on which they begin: all, unless it says which."""
    breakthrough: Severity = Severity.CRITICAL
    """What is as grave as this is told all the same."""

    @field_validator("begin", "end")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        parse_clock(value)
        return value

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.begin == self.end:
            raise ValueError('these hours begin when they end; a whole day is from: "00:00", to: "24:00"')
        return self

    @property
    def hours(self) -> Hours:
        """The hours themselves."""
        days = frozenset(WEEKDAYS.index(day) for day in self.days or WEEKDAYS)
        return Hours(begin=parse_clock(self.begin), end=parse_clock(self.end), days=days)


class Rate(Strict):
    """The most messages that a receiver is sent in a time; what is more is gathered into one, nothing is dropped."""

    most: int = Field(ge=1)
    """So many messages, each to all of the receiver's targets."""
    per: Duration
    """In so long a time."""

    @field_validator("per")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if not value:
            raise ValueError("a rate is per some time, such as 1h")
        return value


class DigestTimes(Strict):
    """When a receiver is told of everything at once, instead of each thing by itself."""

    at: str
    """A cron line, by the receiver's zone: `"0 8 * * *"` is every day at eight."""
    empty: bool = False
    """Send it also when nothing was found, and say which sources could not be seen."""

    @field_validator("at")
    @classmethod
    def _cron(cls, value: str) -> str:
        return parse_cron(value)


def _as_items(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Receiver(Strict):
    """A named set of channel targets, and when they may be told."""

    email: Email | None = None
    """Mail."""
    slack: Slack | None = None
    """Slack."""
    apprise: Apprise | None = None
    """Anything that Apprise knows."""
    terminal: bool = False
    """Print every message to where monitor runs."""
    file: RelativePath | None = None
    """A folder for every message, as mail (`.eml`) and as data (`.json`)."""
    zone: str = "UTC"
    """By whose clocks hours and digests go: an IANA name such as `Asia/Beirut`."""
    quiet_hours: Annotated[tuple[QuietHours, ...], BeforeValidator(_as_items)] = ()
    """When it is left in peace: one stretch of the day, or a list of them."""
    rate: Rate | None = None
    """How many messages are too many."""
    digest: DigestTimes | None = None
    """Everything in one message, at these times."""

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        parse_zone(value)
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _some_time_awake(cls, value: tuple[QuietHours, ...]) -> tuple[QuietHours, ...]:
        monday = datetime(2024, 1, 1, tzinfo=UTC)
        end = end_of((one.hours for one in value), monday, parse_zone("UTC"))
        if end and end >= monday + FOR_EVER:
            raise ValueError("these hours never end, so nobody would ever be told; leave some of the week out")
        return value

    @property
    def clocks(self) -> ZoneInfo:
        """The zone itself."""
        return parse_zone(self.zone)

    def quiet_until(self, at: datetime, severity: Severity) -> datetime | None:
        """Return when the quiet ends in which ``at`` lies, for what is so grave; None when it may be told."""
        grave = tuple(Severity).index(severity)
        held = (one.hours for one in self.quiet_hours if grave < tuple(Severity).index(one.breakthrough))
        return end_of(held, at, self.clocks)

    @property
    def destinations(self) -> tuple[tuple[str, str], ...]:
        """Each target as (channel, destination): ``("email", "desk@example.org")``, ``("terminal", "-")`` …."""
        screen = [("terminal", "-")] if self.terminal else []
        folder = [("file", str(self.file))] if self.file else []
        mail = [("email", address) for address in self.email.to] if self.email else []
        slack = [("slack", self.slack.destination)] if self.slack else []
        return (*screen, *folder, *mail, *slack, *(("apprise", name) for name in self.relays))

    @property
    def relays(self) -> dict[str, str]:
        """Apprise's addresses, which are secrets, by what they are called where people see them."""
        urls = self.apprise.url if self.apprise else ()
        return {_hidden(url.get_secret_value().partition(":")[0], url): url.get_secret_value() for url in urls}


class RouteMatch(Strict):
    """What an alert must be for a route to take it; each given key must hold, each list is an or."""

    severity: Annotated[tuple[Severity, ...], BeforeValidator(_as_list)] = ()
    """Any of these."""
    owner: Texts = ()
    """Any of these."""
    watchlist: Texts = ()
    """Any of these, by their ids."""
    source: Texts = ()
    """Any of these, by their ids."""
    lang: Texts = ()
    """Any of these, as sources and articles name them."""
    kind: Annotated[tuple[Literal["watchlist", "operations"], ...], BeforeValidator(_as_list)] = ()
    """`watchlist`: news; `operations`: alerts about monitor itself."""
    labels: dict[str, Texts] = Field(default_factory=dict)
    """All of these, each with its value or one of a list."""


class Route(Strict):
    """A node of the route tree: the first child that takes an alert decides, else the node itself."""

    receiver: Texts = ()
    """Who is told: one or a list of receivers."""
    match: RouteMatch = RouteMatch()
    """What an alert must be."""
    go_on: bool = Field(default=False, alias="continue")
    """Let the routes behind this one see what it took; they may tell others of it."""
    group_wait: Duration | None = None
    """How long alerts are gathered into one message."""
    group_by: Texts | None = None
    """What alerts must have in common to be gathered: watchlist, unless it says so; owner, severity, …."""
    routes: tuple[Route, ...] = ()
    """Looked at in order, before this one."""

    @field_validator("group_by")
    @classmethod
    def _known_dimensions(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in DIMENSIONS and not re.fullmatch("label:.+", name):
                raise ValueError(f"{name!r} is nothing to group by; known here: {', '.join(DIMENSIONS)}, label:NAME")
        return value


class Smtp(Strict):
    """The mail server. ``tls`` is starttls, implicit (port 465) or none."""

    host: str
    """Its name or address."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 with starttls, 465 with implicit, usually."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How it is encrypted."""
    user: str | None = None
    """To sign in with."""
    password: SecretStr | None = None
    """To sign in with; from the environment or a file."""
    sender: str = Field(alias="from")
    """Who the mails are from."""


class Alerts(Strict):
    """config/alerts.yaml: who is told, and how."""

    receivers: dict[str, Receiver]
    """Named sets of channel targets."""
    route: Route
    """Who is told of what."""
    smtp: Smtp | None = None
    """The mail server."""
    give_up: Duration = timedelta(hours=24)
    """How long a message is tried, before a person must have it sent again."""

    @field_validator("give_up")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value < timedelta(minutes=1):
            raise ValueError("a message is tried for at least 1m")
        return value

    @property
    def zones(self) -> dict[str, ZoneInfo]:
        """Each receiver's clocks."""
        return {name: receiver.clocks for name, receiver in self.receivers.items()}


class Web(Strict):
    """Where `/healthz`, `/readyz` and `/metrics` are served."""

    listen: str = "127.0.0.1:8080"
    """`host:port`. Loopback unless you say otherwise: there is no password on it."""
    url: str | None = None
    """The address that people reach it by."""

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:  # noqa: PLR2004 - ports
            raise ValueError(f"{value!r} is no host:port, such as 127.0.0.1:8080")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; an IPv6 host without its brackets."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class Main(Strict):
    """config/monitor.yaml."""

    bus: Address
    """`sqlite:PATH`, or `kafka://host:9092,host:9092`."""
    store: Address
    """`sqlite:PATH`."""
    watchlists: RelativePath
    """A file, or a folder of them."""
    sources: RelativePath
    """The file that says what is polled."""
    alerts: RelativePath
    """The file that says who is told."""
    web: Web | None = None
    """Where health and metrics are served."""

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
    """All that was configured. ``files`` are all that it was read from.

    ``warnings`` do not keep monitor from starting; `check` prints them.
    """

    file: Path
    files: tuple[Path, ...]
    bus: str
    store: str
    watchlists: Path
    sources: tuple[Source, ...]
    alerts: Alerts
    web: Web | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def sources_file(self) -> Path:
        """The file that says what is polled."""
        return self.files[1]

    @property
    def templates(self) -> Path:
        """The folder whose templates stand in for the built-in ones, if it is there: beside the main file."""
        return self.file.absolute().parent / "templates"

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port of `/healthz`, `/readyz` and `/metrics`."""
        return (self.web or Web()).address


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
        files=(file, main.sources, main.alerts),
        bus=main.bus,
        store=main.store,
        watchlists=main.watchlists,
        sources=sources[0].sources,
        alerts=alerts[0],
        web=main.web,
        warnings=(*sources[1], *alerts[1]),
    )


Part = Literal["main", "sources", "alerts", "watchlists"]


def kind_of(path: Path) -> Part:
    """Tell by its keys which of our files this is; a folder, and what is unclear, is taken for watchlists."""
    if path.is_dir():
        return "watchlists"
    data = load_document(path).data
    keys = set(data) if isinstance(data, dict) else set()
    if keys & {"bus", "store"}:
        return "main"
    if "sources" in keys:
        return "sources"
    return "alerts" if keys & {"receivers", "route"} else "watchlists"


def watchlists_of(file: Path, environment: Mapping[str, str]) -> Path | None:
    """Tell where a main file says that the watchlists are; None when it cannot be read."""
    try:
        return _read(load_document(file), Main, environment).watchlists
    except Problems:
        return None


def sources_of(file: Path, part: Part, environment: Mapping[str, str]) -> tuple[Path, tuple[Source, ...]] | None:
    """Tell which file says what is polled, and what that is; None when it cannot be read, or is another part."""
    try:
        named = _read(load_document(file), Main, environment).sources if part == "main" else file
        return (named, _load_sources(named, environment)[0].sources) if part in {"main", "sources"} else None
    except Problems:
        return None


def with_variables(file: Path) -> frozenset[int]:
    """Tell by their places in the file which sources have variables in their addresses: they are secrets as a rule.

    Raises:
        Problems: the file cannot be read.
    """
    data = load_document(file).data
    listed = data.get("sources") if isinstance(data, dict) else None
    return frozenset(
        index
        for index, source in enumerate(listed or ())
        if any("${" in (source.get(key) or "") for key in ("url", "sitemap", "page"))
    )


def is_id(text: str) -> bool:
    """Whether a source can be called so."""
    return bool(_ID.fullmatch(text))


def check_settings(file: Path, part: Part, environment: Mapping[str, str]) -> tuple[list[Problem], Path | None]:
    """Return all that is wrong in one of the files, and for the main one also in those it names, watchlists apart.

    The path is where the main file says that the watchlists are.
    """
    problems: list[Problem] = []
    if part == "sources":
        sources = _attempt(problems, lambda: _load_sources(file, environment))
        return [*problems, *(sources[1] if sources else ())], None
    if part == "alerts":
        alerts = _attempt(problems, lambda: _load_alerts(file, environment))
        return [*problems, *(alerts[1] if alerts else ())], None
    main = _attempt(problems, lambda: _read(load_document(file), Main, environment))
    if main:
        sources = _attempt(problems, lambda: _load_sources(main.sources, environment))
        problems += sources[1] if sources else ()
        alerts = _attempt(problems, lambda: _load_alerts(main.alerts, environment))
        problems += alerts[1] if alerts else ()
    return problems, main.watchlists if main else None


def _attempt(problems: list[Problem], load: Callable[[], T]) -> T | None:
    try:
        return load()
    except Problems as error:
        problems.extend(error.problems)
        return None


def _read(document: Document, model: type[M], environment: Mapping[str, str]) -> M:
    data, unset = _expand(document, environment)
    if unset:
        raise Problems(document.problem(path, message) for path, message in unset.items())
    return validate(document, model, data, context={"folder": _folder(document)})


def _folder(document: Document) -> Path:
    return document.file.absolute().parent


def _load_sources(file: Path, environment: Mapping[str, str]) -> tuple[Sources, tuple[Problem, ...]]:
    document = load_document(file)
    sources = _read(document, Sources, environment)
    first: dict[str, int] = {}
    problems = [
        document.problem(("sources", index, "id"), f"source {source.id!r} stands here twice; ids are unique")
        for index, source in enumerate(sources.sources)
        if first.setdefault(source.id, index) != index
    ]
    if problems:
        raise Problems(problems)
    missing = "{} is not there; make it, and the source is read from then on"
    return sources, tuple(
        document.problem(("sources", index, "folder"), missing.format(source.folder), level="warning")
        for index, source in enumerate(sources.sources)
        if source.folder and not source.folder.is_dir()
    )


# --- Alerts: receivers that nobody routes to may be incomplete -----------------------------------------------------


def _load_alerts(file: Path, environment: Mapping[str, str]) -> tuple[Alerts, tuple[Problem, ...]]:
    document = load_document(file)
    data, unset = _expand(document, environment)
    data, spared = _spare_unrouted(data, unset)
    problems = [document.problem(path, message) for path, message in unset.items() if path not in spared]
    if problems:
        raise Problems(problems)
    alerts = validate(document, Alerts, data, context={"folder": _folder(document)})
    if faults := [*_root_faults(document, alerts), *_receiver_faults(document, alerts)]:
        raise Problems(faults)
    warnings = [document.problem(path, unset[path], level="warning") for path in sorted(spared, key=str)]
    return alerts, (*warnings, *_unreachable(document, alerts.route, ("route",)))


def _spare_unrouted(data: Tree, unset: Mapping[Path_, str]) -> tuple[Tree, set[Path_]]:
    """Take out receivers with unset variables that no route names, and the mail server when no routed one mails."""
    if not isinstance(data, dict) or not isinstance(data.get("receivers"), dict):
        return data, set()
    routed = set(_named_receivers(data.get("route")))
    receivers: dict[str, Any] = data["receivers"]
    mailing = any(isinstance(receivers.get(name), dict) and receivers[name].get("email") for name in routed)
    spared = {
        path
        for path in unset
        if (path[0] == "receivers" and len(path) > 1 and path[1] not in routed) or (path[0] == "smtp" and not mailing)
    }
    dropped = {path[1] for path in spared if path[0] == "receivers"}
    kept = {**data, "receivers": {name: value for name, value in receivers.items() if name not in dropped}}
    if any(path[0] == "smtp" for path in spared):
        kept.pop("smtp")
    return kept, spared


def _named_receivers(route: Tree) -> Iterator[str]:
    if isinstance(route, dict):
        named = route.get("receiver")
        yield from [named] if isinstance(named, str) else named or []
        for child in route.get("routes") or []:
            yield from _named_receivers(child)


def _root_faults(document: Document, alerts: Alerts) -> Iterator[Problem]:
    if not alerts.route.receiver:
        yield document.problem(("route",), "the first route needs a receiver; it takes what no other route takes")
    if alerts.route.match != RouteMatch():
        yield document.problem(("route", "match"), "the first route takes everything; put match: on a route below it")
    if alerts.route.go_on:
        yield document.problem(("route", "continue"), "nothing stands behind the first route; take continue: out")


def _receiver_faults(document: Document, alerts: Alerts) -> Iterator[Problem]:
    for path, route in _walk(alerts.route, ("route",)):
        for name in route.receiver:
            if name not in alerts.receivers:
                near = did_you_mean(name, alerts.receivers)
                yield document.problem((*path, "receiver"), f"no receiver is called {name!r}{near}")
            elif alerts.receivers[name].email and not alerts.smtp:
                message = "mail needs a server: add smtp: {host: …, from: …} to this file"
                yield document.problem(("receivers", name, "email"), message)
    yield from _ambiguous_channels(document, alerts)
    for name, receiver in alerts.receivers.items():
        if receiver.apprise and find_spec("apprise") is None:
            message = 'apprise: needs the package of that name: pip install "monitor[apprise]"'
            yield document.problem(("receivers", name, "apprise"), message)
        if not receiver.destinations:
            message = f"receiver {name!r} reaches nobody; give it email:, slack:, apprise:, terminal: or file:"
            yield document.problem(("receivers", name), message)


def _ambiguous_channels(document: Document, alerts: Alerts) -> Iterator[Problem]:
    tokens: dict[str, SecretStr | None] = {}
    for name, receiver in alerts.receivers.items():
        slack = receiver.slack
        if slack and tokens.setdefault(slack.destination, slack.token) != slack.token:
            message = f"{slack.destination} stands here with two tokens; write the id of one of the channels"
            yield document.problem(("receivers", name, "slack"), message)


def _unreachable(document: Document, node: Route, path: Path_) -> Iterator[Problem]:
    """Warn of each route that never takes anything, because one before it takes all of that."""
    for index, route in enumerate(node.routes):
        here = (*path, "routes", index)
        first = next((number for number in range(index) if _takes_all_of(node.routes[number], route)), None)
        if first is not None:
            line = document.values[*path, "routes", first][0]
            remedy = "put this one before it, or give that one continue: true"
            message = f"nothing comes here: the route in line {line} takes all of it; {remedy}"
            yield document.problem(here, message, level="warning")
        yield from _unreachable(document, route, here)


def _takes_all_of(before: Route, route: Route) -> bool:
    """Whether what ``route`` asks for is always what ``before`` asks for, and stops there."""
    wide, narrow = before.match, route.match
    lists = ((getattr(wide, key), getattr(narrow, key)) for key in RouteMatch.model_fields if key != "labels")
    labels = ((values, narrow.labels.get(name, ())) for name, values in wide.labels.items())
    return not before.go_on and all(
        not asked or (given and set(given) <= set(asked)) for asked, given in (*lists, *labels)
    )


def _walk(route: Route, path: Path_) -> Iterator[tuple[Path_, Route]]:
    yield path, route
    for index, child in enumerate(route.routes):
        yield from _walk(child, (*path, "routes", index))


# --- Variables -----------------------------------------------------------------------------------------------------

_VARIABLE: Final = re.compile(
    r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?)\}", re.ASCII
)


def _expand(document: Document, environment: Mapping[str, str]) -> tuple[Tree, dict[Path_, str]]:
    """Replace variables in every scalar; return the data and what could not be replaced, by place."""
    unset: dict[Path_, str] = {}

    def text(value: str, path: Path_) -> str:
        def replace(found: re.Match[str]) -> str:
            if found["file"]:
                return secret(found["file"])
            given: str | None = environment.get(found["name"], found["default"])
            if given is None:
                unset[path] = f"variable {found['name']} is not set; export it, or write ${{{found['name']}:-default}}"
            return given or ""

        def secret(name: str) -> str:
            try:
                return (_folder(document) / name).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                unset[path] = f"file {name} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}"
                return ""

        return _VARIABLE.sub(replace, value)

    def tree(value: Tree, path: Path_) -> Tree:
        if isinstance(value, dict):
            return {key: tree(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [tree(child, (*path, index)) for index, child in enumerate(value)]
        return text(value, path) if isinstance(value, str) else None

    return tree(document.data, ()), unset
