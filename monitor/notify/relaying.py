"""The Apprise channel: a message through any service that the optional package of that name knows.

Hides Apprise, which tells no more than whether it worked. Never retries by itself.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from apprise import Apprise, NotifyFormat, OverflowMode

from monitor.errors import DeliveryError
from monitor.notify.display import cut
from monitor.notify.waiting import within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.model import Message

LIMIT: Final = timedelta(seconds=60)
"""What sending may take in all: some services are called several times for a message."""

_SUMMONING: Final = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)
_JOINER: Final = "\u2060"
_SHORTEST: Final = 80

# Its log lines hold addresses, which are secrets.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


class AppriseChannel:
    """Sends to these addresses, by what each is called where people see it. ``limit`` is what sending may take."""

    def __init__(self, destinations: Mapping[str, str], *, limit: timedelta = LIMIT) -> None:
        self._destinations = destinations
        self._limit = limit

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        """Send one message as plain text, cut to what the service takes unless its address says ``overflow=split``.

        Raises:
            DeliveryError: retryable, for Apprise does not say why; not when it does not know such an address.
        """
        service = self._service(destination)
        title = _harmless(message.subject)
        body = _fitting(service, _harmless(message.text), title)
        try:
            taken = within(
                self._limit, lambda: bool(service.notify(body=body, title=title, body_format=NotifyFormat.TEXT))
            )
        except TimeoutError:
            raise DeliveryError(f"{destination} did not answer in time", doubtful=True) from None
        if not taken:
            raise DeliveryError(f"{destination} did not take it; look whether its address is right and it runs")

    def probe(self, destination: str) -> None:
        """Tell whether Apprise knows such an address; the service itself can be asked nothing.

        Raises:
            DeliveryError: it does not.
        """
        self._service(destination)

    def _service(self, destination: str) -> Apprise:
        address = self._destinations.get(destination)
        if address is None:
            raise DeliveryError(f"{destination} is not configured any more", retryable=False)
        service = Apprise()
        if not service.add(address):
            raise DeliveryError(f"{destination} is no address that Apprise knows; see its list", retryable=False)
        return service


def _harmless(text: str) -> str:
    """Break with an unseen character what chats take for a call to everybody; no two of them agree on an escape."""
    return _SUMMONING.sub(lambda found: found[0] + _JOINER, text)


def _fitting(service: Apprise, text: str, title: str) -> str:
    if any(one.overflow_mode == OverflowMode.SPLIT for one in service):
        return text
    limit = min(one.body_maxlen for one in service)
    return cut(text, max(_SHORTEST, limit - len(title) - 2))  # some put the title into the body
