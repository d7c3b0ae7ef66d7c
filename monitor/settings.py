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
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from monitor.documents import Document, Duration, Strict, Tree, did_you_mean, load_document, parse_duration, validate
from monitor.errors import Problem, Problems
from monitor.model import Severity, stable_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from monitor.documents import Path_

T = TypeVar("T")
M = TypeVar("M", bound=Strict)
_ID: Final = re.compile(r"[\w][\w.-]*")
_WEB_ADDRESS: Final = re.compile(r"https?://[^/\s]+")
_SECRET: Final = re.compile(r"[!-~]+")
_RELAY: Final = re.compile(r"[a-z][a-z0-9+.-]*://.", re.ASCII | re.IGNORECASE)
_CHANNEL: Final = re.compile(r"#?[\w.-]+")


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
    """What it is called in lists, metrics and `only:`."""
    url: str | None = None
    """A feed: RSS, Atom or JSON Feed."""
    folder: RelativePath | None = None
    """A folder of `.txt`, `.html`, `.json` and `.jsonl` files."""
    interval: Duration | None = None
    """Time between polls: 5 minutes for feeds, 2 seconds for folders, unless it says so."""
    lang: str | None = None
    """Its language, for articles that do not say."""
    tier: int | None = Field(default=None, ge=1)
    """How much it is trusted, 1 the most."""
    backfill: Literal["none", "all"] | timedelta | None = None
    """What of its back issues may alert: `none`, `all`, or what is at most so old. Folders: all, feeds: none."""
    max_age: Duration | None = None
    """Articles older than this are recorded and alert nobody. Feeds: 48h."""
    settle: Duration = timedelta(seconds=1)
    """How long a file must stand still before it is read."""

    @field_validator("id")
    @classmethod
    def _usable_id(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("an id is made of letters, digits, '-', '_' and '.'")
        return value

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not _WEB_ADDRESS.match(value):
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
    """The bot's token (`xoxb-…`), with the scope `chat:write`."""
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


class Receiver(Strict):
    """A named set of channel targets."""

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
    labels: dict[str, str] = Field(default_factory=dict)
    """All of these."""


class Route(Strict):
    """A node of the route tree: the first child that takes an alert decides, else the node itself."""

    receiver: Texts = ()
    """Who is told: one or a list of receivers."""
    match: RouteMatch = RouteMatch()
    """What an alert must be."""
    group_wait: Duration | None = None
    """How long alerts are gathered into one message."""
    routes: tuple[Route, ...] = ()
    """Looked at in order, before this one."""


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
    if faults := [*_receiver_faults(document, alerts)]:
        raise Problems(faults)
    return alerts, tuple(document.problem(path, unset[path], level="warning") for path in sorted(spared, key=str))


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


def _receiver_faults(document: Document, alerts: Alerts) -> Iterator[Problem]:
    if not alerts.route.receiver:
        yield document.problem(("route",), "the first route needs a receiver; it takes what no other route takes")
    if alerts.route.match != RouteMatch():
        yield document.problem(("route", "match"), "the first route takes everything; put match: on a route below it")
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
