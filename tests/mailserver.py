# ruff: noqa: ARG002, N802, PLR0913 - aiosmtpd names its hooks and gives each of them all that it has
"""Real mail servers for tests: sockets, TLS, authentication, and a script of the bad days that servers have."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

if TYPE_CHECKING:
    from asyncio import AbstractServer
    from collections.abc import Awaitable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from aiosmtpd.smtp import SMTP, Envelope, Session

ACCEPT: Final = "250 OK"
DROP: Final = "drop"
"""A scripted reply: the connection ends without one. After DATA the mail is kept all the same, as servers do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A mail that the server took, its envelope, and how it came."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    encrypted: bool
    user: str | None


class MailServer:
    """An SMTP server on a free local port, from entering the context to leaving it.

    ``script`` gives replies to MAIL, RCPT, DATA and QUIT, one after the other; when they are used up all is well.
    ``logins`` are the users and their passwords; ``refusal`` is the reply to all others.
    """

    def __init__(
        self,
        script: Mapping[str, Iterable[str]] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        logins: Mapping[str, str] | None = None,
        refusal: str = "535 5.7.8 authentication failed",
        smtputf8: bool = False,
    ) -> None:
        self.received: list[Received] = []
        self.host = "127.0.0.1"
        self._listener = _listening(self.host)
        self.port: int = self._listener.getsockname()[1]
        self._script = {command: deque(replies) for command, replies in (script or {}).items()}
        self._logins = logins or {}
        self._refusal = refusal
        self._controller = _OnSocket(
            self,
            self._listener,
            hostname=self.host,
            port=self.port,
            ssl_context=tls if implicit else None,
            tls_context=None if implicit else tls,
            require_starttls=bool(tls and not implicit),
            auth_required=bool(logins),
            auth_require_tls=bool(tls and not implicit),
            authenticator=self._authenticate if logins else None,
            enable_SMTPUTF8=smtputf8,
            ident="test",
            server_hostname="localhost",
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._reply("MAIL", server)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self._reply("RCPT", server)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        reply = self._reply("DATA", server)
        if reply.startswith("2") or reply == DROP:
            self.received.append(_received(server, session, envelope))
        return reply

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return self._reply("QUIT", server) if self._script.get("QUIT") else "221 Bye"

    def _reply(self, command: str, server: SMTP) -> str:
        replies = self._script.get(command)
        reply = replies.popleft() if replies else ACCEPT
        if reply == DROP:
            assert server.transport is not None
            server.transport.close()
        return reply

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(), data.password.decode()
        if self._logins.get(user) == password:
            return AuthResult(success=True, auth_data=user)
        return AuthResult(success=False, handled=False, message=self._refusal)


class _OnSocket(Controller):
    """Listens on a socket that exists, so that no other process can take the port in between."""

    def __init__(self, handler: MailServer, listener: socket.socket, **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(handler, **options)
        self._listener = listener

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)


def _listening(host: str) -> socket.socket:
    """Listen as TCP by name: of sockets that do not say so, asyncio leaves each second reply waiting for 40 ms."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((host, 0))
    listener.listen()
    return listener


def _received(server: SMTP, session: Session, envelope: Envelope) -> Received:
    assert isinstance(envelope.content, bytes)
    assert server.transport is not None
    return Received(
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        data=envelope.content,
        encrypted=server.transport.get_extra_info("ssl_object") is not None,
        user=session.auth_data if isinstance(session.auth_data, str) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate for localhost that nobody signed: ``serving`` holds it, ``trusting`` believes it."""

    serving: ssl.SSLContext
    trusting: ssl.SSLContext


def make_certificate(folder: Path) -> Certificate:
    """Have openssl make a certificate for localhost and 127.0.0.1, good for a day."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key.name} -out {certificate.name}".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    return Certificate(serving=serving, trusting=ssl.create_default_context(cafile=str(certificate)))
