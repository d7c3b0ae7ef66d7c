"""What robots.txt lets us ask for (RFC 9309), as the product `monitor`.

Hides protego. Asks each origin once a day, through the fetcher, and tells it how far apart the origin wants requests.
Does not keep anyone from asking: `Fetcher` fetches what it is given.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from protego import Protego

from monitor.ingest.addresses import AddressError, parse_url
from monitor.ingest.fetching import Failed, Fetched, Request
from monitor.ingest.turns import LONGEST_GAP

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.ingest.addresses import Address
    from monitor.ingest.fetching import Fetcher, Outcome

PRODUCT: Final = "monitor"
MAX_BYTES: Final = 500_000
MAX_RULES: Final = 2_000_000
MAX_ORIGINS: Final = 5_000
KEPT: Final = timedelta(hours=24)
ASKED_AGAIN: Final = timedelta(minutes=10)
"""How long a robots.txt that could not be read keeps us away before it is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """What one robots.txt says; without a ``parsed`` one everything is allowed, unless there is a ``problem``."""

    parsed: Protego | None = None
    problem: str | None = None

    def lasting(self) -> timedelta:
        return ASKED_AGAIN if self.problem else KEPT


class Robots:
    """The robots.txt of every origin that was asked about, remembered for a day."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._lock = threading.Lock()
        self._known: dict[str, tuple[datetime, Future[_Rules]]] = {}

    def allowed(self, url: str, now: datetime, *, internal: bool = False) -> str | None:
        """Say why a URL may not be asked for; None where it may.

        Raises:
            CancelledError: the fetcher was closed meanwhile.
        """
        try:
            address = parse_url(url)
        except AddressError as error:
            return f"its address is refused: {error.reason}"
        rules = self._rules(address, now, internal=internal)
        if rules.problem:
            return f"robots.txt of {address.host} cannot be read: {rules.problem}"
        if rules.parsed and not rules.parsed.can_fetch(str(address), PRODUCT):
            return f"robots.txt of {address.host} disallows it"
        return None

    def sitemaps(self, url: str, now: datetime, *, internal: bool = False) -> tuple[str, ...]:
        """List the site maps that the robots.txt of a URL's origin names.

        Raises:
            CancelledError: the fetcher was closed meanwhile.
        """
        try:
            rules = self._rules(parse_url(url), now, internal=internal)
        except AddressError:
            return ()
        return tuple(rules.parsed.sitemaps) if rules.parsed else ()

    def _rules(self, address: Address, now: datetime, *, internal: bool) -> _Rules:
        """Recall the rules of an origin, or read them; who comes meanwhile waits for them."""
        origin = f"{address.scheme}://{address.netloc}"
        with self._lock:
            until, answer = self._known.get(origin, (now, None))
            if answer and (now < until or not answer.done()):
                ours = None
            else:
                ours = answer = Future()
                self._remember(origin, now + KEPT, answer)
        if ours:
            self._read(origin, address.host, now, ours, internal=internal)
        return answer.result()

    def _read(self, origin: str, host: str, now: datetime, answer: Future[_Rules], *, internal: bool) -> None:
        request = Request(url=f"{origin}/robots.txt", accept="text/plain", internal=internal)
        try:
            rules = _understood(self._fetcher.fetch(request, now))
        except BaseException as error:
            answer.set_exception(error)
            raise
        delay = rules.parsed.crawl_delay(PRODUCT) if rules.parsed else None
        if delay:
            self._fetcher.slow_down(host, timedelta(seconds=min(delay, LONGEST_GAP.total_seconds())))
        with self._lock:
            self._remember(origin, now + rules.lasting(), answer)
        answer.set_result(rules)

    def _remember(self, origin: str, until: datetime, answer: Future[_Rules]) -> None:
        self._known.pop(origin, None)
        self._known[origin] = until, answer
        if len(self._known) > MAX_ORIGINS:
            del self._known[next(iter(self._known))]


def _understood(outcome: Outcome) -> _Rules:
    """Tell what an answer allows (RFC 9309 §2.3.1): a missing file allows all, one that may exist nothing for now."""
    if isinstance(outcome, Fetched):
        return _parsed(outcome.body[:MAX_BYTES].decode("utf-8-sig", "replace"))
    if isinstance(outcome, Failed) and outcome.status and 400 <= outcome.status < 500:  # noqa: PLR2004 - client errors
        return _Rules()
    return _Rules(problem=str(outcome))


def _parsed(text: str) -> _Rules:
    # A parser holds every rule once for each agent of its group.
    lines = text.splitlines()
    if len(lines) * sum(line.lstrip()[:4].lower() == "user" for line in lines) > MAX_RULES:
        return _Rules(problem="too many rules")
    return _Rules(parsed=Protego.parse(text))
