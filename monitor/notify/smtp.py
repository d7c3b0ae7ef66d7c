"""The e-mail channel: a message as a mail, and the mail to a server.

Hides the mail's headers, addresses in other scripts, TLS and authentication, and what of SMTP's many failures is worth
another attempt. One connection a mail; never retries by itself. Does not decide what a message says (`rendering`).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import DeliveryError
from monitor.model import stable_hash
from monitor.notify.display import clean, cut
from monitor.notify.waiting import within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.policy import EmailPolicy, Policy

    from monitor import settings
    from monitor.model import Message

_TIMEOUT: Final = timedelta(seconds=20)
LIMIT: Final = timedelta(seconds=90)
"""What sending a mail may take in all: there are ten replies to wait for."""
_REPLY_LENGTH: Final = 300  # characters of a server's reply that an error repeats
_PERMANENT: Final = 500  # replies from here on mean: not like this, ever (RFC 5321 §4.2.1)
_NOT_IN_LABELS: Final = re.compile(r"[^\w-]+|_")
_LABEL_LENGTH: Final = 128  # of the 255 characters that a List-Id may have


class SmtpChannel:
    """Sends mail through the configured server.

    ``timeout`` bounds each wait for the server, ``limit`` all of them; ``trust`` holds the certificates to believe, by
    default the system's.
    """

    def __init__(
        self,
        server: settings.Smtp,
        *,
        timeout: timedelta = _TIMEOUT,
        limit: timedelta = LIMIT,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = server
        self._timeout = timeout.total_seconds()
        self._limit = limit
        self._trust = trust or ssl.create_default_context()

    def send(self, message: Message, destination: str, thread: str | None = None) -> None:  # noqa: ARG002 - a channel's
        """Send one mail to one address.

        Raises:
            DeliveryError: retryable when the server could not be reached, did not let us in (an operator mends that),
                said so (4xx) or never answered; not when it refused for good (5xx) or no valid mail can be made.
        """
        try:
            mail = compose(message, destination, self._settings.sender)
        except ValueError as error:
            raise self._error("no mail can be made of this", error, retryable=False) from None
        try:
            within(self._limit, lambda: self._hand_over(mail))
        except TimeoutError:
            raise DeliveryError("the mail server took too long", doubtful=True) from None

    def _hand_over(self, mail: EmailMessage) -> None:
        server = self._open(mail["From"].addresses[0].domain)
        try:
            server.send_message(mail)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            server.close()
            raise self._error(
                "the mail was not accepted", error, retryable=_is_passing(error), doubtful=_is_unheard(error)
            ) from None
        with suppress(smtplib.SMTPException, OSError):  # it is accepted: a lost farewell must not repeat it
            server.quit()

    def probe(self, destination: str) -> None:
        """Reach the server, sign in, and say goodbye.

        Raises:
            DeliveryError: as of `send`; ``destination`` itself is not asked about, servers do not tell.
        """
        _, _, domain = destination.rpartition("@")
        server = self._open(parseaddr(self._settings.sender)[1].rpartition("@")[2] or domain)
        with suppress(smtplib.SMTPException, OSError):
            server.quit()

    def _open(self, domain: str) -> smtplib.SMTP:
        server: smtplib.SMTP | None = None
        try:
            server = self._connect(domain)
            if self._settings.tls == "starttls":
                server.starttls(context=self._trust)
            if self._settings.user:
                server.login(self._settings.user, self._password())
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if server:
                server.close()
            place = f"mail server {self._settings.host}:{self._settings.port}"
            raise self._error(f"{place} cannot be used", error, retryable=True) from None
        return server

    def _connect(self, domain: str) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.tls == "implicit":
            return smtplib.SMTP_SSL(host, port, domain, timeout=self._timeout, context=self._trust)
        return smtplib.SMTP(host, port, domain, timeout=self._timeout)

    def _password(self) -> str:
        return self._settings.password.get_secret_value() if self._settings.password else ""

    def _error(self, what: str, error: Exception, *, retryable: bool, doubtful: bool = False) -> DeliveryError:
        """Tell a failure in one line. A server may repeat what it was sent, so the secrets are taken out."""
        reply = _reply(error)
        for secret in _spellings(self._settings.user or "", self._password()):
            reply = reply.replace(secret, "***")
        told = f"{what}: {cut(clean(reply).strip(), _REPLY_LENGTH)}"
        return DeliveryError(told, retryable=retryable, doubtful=doubtful)


# --- What went wrong -----------------------------------------------------------------------------------------------


def _is_passing(error: Exception) -> bool:
    """Tell whether another attempt at sending makes sense: not after a 5xx, nor with a mail that cannot be sent."""
    code = _code(error)
    if code is not None:
        return code < _PERMANENT
    return not isinstance(error, ValueError | smtplib.SMTPNotSupportedError)


def _is_unheard(error: Exception) -> bool:
    """Tell whether the server may have taken the mail: the connection ended without a reply."""
    return isinstance(error, smtplib.SMTPServerDisconnected) or (
        isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException)
    )


def _code(error: Exception) -> int | None:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return max(code for code, _ in error.recipients.values())
        case smtplib.SMTPResponseException():
            return error.smtp_code
        case _:
            return None


def _reply(error: Exception) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(f"{code} {_text(reply)}" for code, reply in error.recipients.values())
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_text(error.smtp_error)}"
        case UnicodeEncodeError():  # its own text would show a letter of the password
            return "something in it is not ASCII, as mail servers want it"
        case _:
            return str(error) or type(error).__name__


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def _spellings(user: str, password: str) -> Iterator[str]:
    """Give the password as it may stand in a reply: plain, and as AUTH PLAIN and LOGIN write it."""
    if password:
        yield password
        for secret in (password, f"\0{user}\0{password}"):
            yield b64encode(secret.encode()).decode("ascii")


# --- The mail ------------------------------------------------------------------------------------------------------


def compose(message: Message, destination: str, sender: str) -> EmailMessage:
    """Write a mail from ``sender`` to the address ``destination``; the same arguments always give the same mail.

    A mail that follows on another about its alert is a reply to that one. Domains outside ASCII are written in IDNA;
    local parts stay as they are.

    Raises:
        ValueError: an address is none, or something cannot stand in a header.
    """
    origin = _address(sender)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = origin
    mail["To"] = _address(destination)
    mail["Subject"] = message.subject
    mail["Date"] = message.date
    mail["Message-ID"] = f"<{message.id}@{origin.domain}>"
    if message.thread:
        mail["In-Reply-To"] = mail["References"] = f"<{message.thread}@{origin.domain}>"
    mail["List-Id"] = _list_id(message.about, origin.domain)
    mail["Auto-Submitted"] = "auto-generated"
    # in base64 no line can look like a boundary, nor begin with "From ", which smtplib would change to ">From "
    mail.set_content(message.text, cte="base64")
    mail.add_alternative(message.html, subtype="html", cte="base64")
    mail.set_boundary(f"=={message.id}==")
    return mail


class _Exact(UnstructuredHeader, BaseHeader):
    """A header that says what it was given: the library's own would decode "=?utf-8?q?=0d=0aBcc:…?=" in a title."""

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """Take the value as it is."""
        kwds["parse_tree"] = cls.value_parser("")
        kwds["decoded"] = value

    def fold(self, *, policy: Policy) -> str:
        """Write it in one line."""
        return f"{self.name}: {self}{policy.linesep}"


class _Prose(_Exact):
    """A header for people, always in encoded words: the library's own folding loses spaces between them."""

    def fold(self, *, policy: Policy) -> str:
        """Write it in lines of at most 76 characters."""
        words = Header(str(self), "utf-8", 76, self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {words}{policy.linesep}"


def _policy() -> EmailPolicy[EmailMessage]:
    headers = HeaderRegistry()
    headers.map_to_type("subject", _Prose)
    headers.map_to_type("list-id", _Exact)
    return SMTP_POLICY.clone(header_factory=headers)


_POLICY: Final = _policy()


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    if not (text.isprintable() and at and local and domain):
        raise ValueError(f"{text!r} is no mail address")
    return Address(name, local, domain.encode("idna").decode("ascii"))


def _list_id(about: str, domain: str) -> str:
    """Name the list that a watchlist's mails are (RFC 2919), by its id, or by its hash where that is no name."""
    words = _NOT_IN_LABELS.sub("-", about).strip("-").lower()
    label = words if words.isascii() else "xn--" + words.encode("punycode").decode("ascii")
    return f"<{label if 0 < len(label) <= _LABEL_LENGTH else stable_hash(about)}.{domain}>"
