"""The Apprise channel: a message through any service that the optional package of that name knows.

Hides Apprise, which tells no more than whether it worked. Never retries by itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from apprise import Apprise, NotifyFormat

from monitor.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.model import Message

# Its log lines hold addresses, which are secrets.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


class AppriseChannel:
    """Sends to these addresses, by what each is called where people see it."""

    def __init__(self, destinations: Mapping[str, str]) -> None:
        self._destinations = destinations

    def send(self, message: Message, destination: str) -> None:
        """Send one message as plain text; Apprise cuts it to what the service takes.

        Raises:
            DeliveryError: retryable, for Apprise does not say why; not when it does not know such an address.
        """
        service = self._service(destination)
        if not service.notify(body=message.text, title=message.subject, body_format=NotifyFormat.TEXT):
            raise DeliveryError(f"{destination} did not take it")

    def probe(self, destination: str) -> None:
        """Tell whether Apprise knows such an address; the service itself can be asked nothing.

        Raises:
            DeliveryError: it does not.
        """
        self._service(destination)

    def _service(self, destination: str) -> Apprise:
        address = self._destinations.get(destination)
        service = Apprise()
        if address is None or not service.add(address):
            raise DeliveryError(f"{destination} is no address that Apprise knows", retryable=False)
        return service
