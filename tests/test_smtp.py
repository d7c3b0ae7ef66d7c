from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from monitor.errors import DeliveryError
from monitor.model import Alert, Message, Notification, Severity
from monitor.notify.rendering import Renderer
from monitor.notify.smtp import SmtpChannel, compose
from monitor.settings import Smtp
from tests.mailserver import ACCEPT, DROP, Certificate, MailServer, make_certificate
from tests.samples import NOW, a_match

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = Message(
    id="00c0ffee00c0ffee",
    about="russian-bases",
    subject="\u2068محادثات حول قاعدة طرطوس\u2069 · Russian bases",
    text="first report\n\nمحادثات حول قاعدة طرطوس\n.\n..\nFrom here on\n" + "long " * 500,
    html='<p dir="rtl">محادثات حول قاعدة طرطوس</p>',
    terminal="",
    data=b"{}",
    date=datetime(2026, 11, 20, 14, 6, tzinfo=UTC),
    severity=Severity.HIGH,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def channel(
    server: MailServer,
    certificate: Certificate | None = None,
    *,
    sender: str = "Monitor <monitor@example.org>",
    tls: str = "none",
    **login: str,
) -> SmtpChannel:
    given = {"host": server.host, "port": server.port, "tls": tls, "from": sender, **login}
    return SmtpChannel(
        Smtp.model_validate(given), timeout=timedelta(seconds=5), trust=certificate.trusting if certificate else None
    )


def parsed(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def refusal(channel: SmtpChannel, destination: str = "desk@example.org") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(MESSAGE, destination)
    return caught.value


def test_a_mail_arrives_with_its_headers_and_both_parts() -> None:
    with MailServer() as server:
        channel(server).send(MESSAGE, "desk@example.org")
    (received,) = server.received
    mail = parsed(received.data)
    assert received.sender == "monitor@example.org"
    assert received.recipients == ("desk@example.org",)
    assert {key: str(value) for key, value in mail.items() if key not in {"MIME-Version", "Content-Type"}} == {
        "From": "Monitor <monitor@example.org>",
        "To": "desk@example.org",
        "Subject": MESSAGE.subject,
        "Date": "Fri, 20 Nov 2026 14:06:00 +0000",
        "Message-ID": "<00c0ffee00c0ffee@example.org>",
        "List-Id": "<russian-bases.example.org>",
        "Auto-Submitted": "auto-generated",
    }
    assert mail.get_content_type() == "multipart/alternative"
    assert body(mail, "plain") == MESSAGE.text
    assert body(mail, "html") == MESSAGE.html


def test_lines_that_smtp_would_misread_arrive_as_they_are() -> None:
    message = replace(MESSAGE, text=".\n..\n.hidden\n==00c0ffee00c0ffee==--\n--==00c0ffee00c0ffee==--\nend")
    with MailServer() as server:
        channel(server).send(message, "desk@example.org")
    assert body(parsed(server.received[0].data), "plain") == message.text


def test_a_repeat_is_the_same_mail_to_the_byte() -> None:
    with MailServer() as server:
        channel(server).send(MESSAGE, "desk@example.org")
        channel(server).send(MESSAGE, "desk@example.org")
    first, second = server.received
    assert first == second


def test_starttls_and_a_login_protect_the_mail(certificate: Certificate) -> None:
    with MailServer(tls=certificate.serving, logins={"monitor": "s3cret"}) as server:
        channel(server, certificate, tls="starttls", user="monitor", password="s3cret").send(MESSAGE, "a@example.org")
    (received,) = server.received
    assert received.encrypted
    assert received.user == "monitor"


def test_implicit_tls_is_spoken_from_the_first_byte(certificate: Certificate) -> None:
    with MailServer(tls=certificate.serving, implicit=True) as server:
        channel(server, certificate, tls="implicit").send(MESSAGE, "a@example.org")
    assert server.received[0].encrypted


def test_a_server_without_starttls_gets_no_mail_in_the_clear() -> None:
    with MailServer() as server:
        error = refusal(channel(server, tls="starttls"))
    assert error.retryable
    assert "STARTTLS" in error.reason
    assert not server.received


def test_a_certificate_that_nobody_vouches_for_is_not_believed(certificate: Certificate) -> None:
    with MailServer(tls=certificate.serving) as server:
        error = refusal(channel(server, tls="starttls"))
    assert error.retryable
    assert "CERTIFICATE_VERIFY_FAILED" in error.reason
    assert not server.received


@pytest.mark.parametrize(
    "refused",
    [
        "535 5.7.8 you said s3cret indeed",
        "535 5.7.8 AUTH LOGIN czNjcmV0",
        "535 5.7.8 AUTH PLAIN AG1vbml0b3IAczNjcmV0 s3cret s3cret",
    ],
)
def test_a_refused_login_is_for_the_operator_to_mend_and_shows_no_secret(
    certificate: Certificate, refused: str
) -> None:
    with MailServer(tls=certificate.serving, logins={"monitor": "other"}, refusal=refused) as server:
        error = refusal(channel(server, certificate, tls="starttls", user="monitor", password="s3cret"))
    assert error.retryable
    assert error.reason.startswith(f"mail server 127.0.0.1:{server.port} cannot be used: 535")
    for secret in ("s3cret", "czNjcmV0", "AG1vbml0b3IAczNjcmV0"):
        assert secret not in error.reason
    assert error.__cause__ is None


def test_a_password_that_cannot_be_sent_is_not_shown_in_part(certificate: Certificate) -> None:
    with MailServer(tls=certificate.serving, logins={"monitor": "other"}) as server:
        error = refusal(channel(server, certificate, tls="starttls", user="monitor", password="gehéim"))
    assert error.retryable
    assert "é" not in error.reason
    assert "\\xe9" not in error.reason


@pytest.mark.parametrize(
    ("command", "reply", "retryable"),
    [
        ("MAIL", "421 4.3.2 shutting down", True),
        ("MAIL", "451 4.3.0 local error", True),
        ("MAIL", "550 5.7.1 you are not welcome", False),
        ("RCPT", "421 4.3.2 shutting down", True),
        ("RCPT", "450 4.2.0 greylisted, come back", True),
        ("RCPT", "452 4.2.2 mailbox full", True),
        ("RCPT", "550 5.1.1 no such person", False),
        ("RCPT", "553 5.1.3 bad address", False),
        ("DATA", "421 4.3.2 shutting down", True),
        ("DATA", "451 4.7.1 try later", True),
        ("DATA", "552 5.3.4 too large", False),
        ("DATA", "554 5.7.1 looks like spam", False),
        ("MAIL", DROP, True),
        ("RCPT", DROP, True),
        ("DATA", DROP, True),
    ],
)
def test_what_the_server_says_decides_about_another_attempt(command: str, reply: str, *, retryable: bool) -> None:
    with MailServer({command: [reply]}) as server:
        error = refusal(channel(server))
        assert error.retryable is retryable
        assert reply == DROP or reply in error.reason
        channel(server).send(MESSAGE, "desk@example.org")
    assert server.received[-1].recipients == ("desk@example.org",)


def test_a_mail_whose_reply_was_lost_is_repeated_under_the_same_id() -> None:
    with MailServer({"DATA": [DROP, ACCEPT]}) as server:
        assert refusal(channel(server)).retryable
        channel(server).send(MESSAGE, "desk@example.org")
    assert [parsed(received.data)["Message-ID"] for received in server.received] == [
        "<00c0ffee00c0ffee@example.org>",
        "<00c0ffee00c0ffee@example.org>",
    ]


@pytest.mark.parametrize("farewell", ["421 4.4.2 gone", "500 what?", DROP])
def test_an_accepted_mail_is_not_repeated_for_a_bad_farewell(farewell: str) -> None:
    with MailServer({"QUIT": [farewell]}) as server:
        channel(server).send(MESSAGE, "desk@example.org")
    assert len(server.received) == 1


def test_one_bad_recipient_does_not_stop_the_next() -> None:
    with MailServer({"RCPT": ["550 5.1.1 no such person", ACCEPT]}) as server:
        assert not refusal(channel(server), "nobody@example.org").retryable
        channel(server).send(MESSAGE, "desk@example.org")
    assert [received.recipients for received in server.received] == [("desk@example.org",)]


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    smtp = Smtp.model_validate({"host": "127.0.0.1", "port": port, "tls": "none", "from": "monitor@example.org"})
    error = refusal(SmtpChannel(smtp, timeout=timedelta(seconds=5)))
    assert error.retryable
    assert f"127.0.0.1:{port}" in error.reason


@pytest.mark.parametrize("host", ["a..b", "no-such-host.invalid"])
def test_a_host_that_cannot_be_found_is_tried_again(host: str) -> None:
    smtp = Smtp.model_validate({"host": host, "tls": "none", "from": "monitor@example.org"})
    assert refusal(SmtpChannel(smtp, timeout=timedelta(seconds=5))).retryable


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        smtp = {"host": "127.0.0.1", "port": silent.getsockname()[1], "tls": "none", "from": "monitor@example.org"}
        error = refusal(SmtpChannel(Smtp.model_validate(smtp), timeout=timedelta(seconds=0.2)))
    assert error.retryable
    assert "timed out" in error.reason


def test_a_server_that_takes_its_time_over_every_reply_is_given_up_in_time() -> None:
    with dripping_server() as port:
        smtp = {"host": "127.0.0.1", "port": port, "tls": "none", "from": "monitor@example.org"}
        limit = timedelta(seconds=0.3)
        error = refusal(SmtpChannel(Smtp.model_validate(smtp), timeout=timedelta(seconds=5), limit=limit))
    assert (error.retryable, error.doubtful) == (True, True)
    assert "took too long" in error.reason


@contextmanager
def dripping_server() -> Iterator[int]:
    """Greet whoever comes a byte at a time, without end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = threading.Event()

        def drip() -> None:
            caller, _ = listener.accept()
            with caller, suppress(OSError):
                while not left.wait(0.02):
                    caller.sendall(b"2")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            left.set()
            thread.join()


@pytest.mark.parametrize(
    ("command", "reply", "doubtful"),
    [
        pytest.param("DATA", DROP, True, id="the mail was handed over, and nothing was said"),
        pytest.param("DATA", "451 4.7.1 try later", False, id="it was refused for now"),
        pytest.param("DATA", "554 5.7.1 looks like spam", False, id="it was refused"),
        pytest.param("RCPT", "421 4.3.2 shutting down", False, id="it was not handed over"),
    ],
)
def test_a_mail_may_have_arrived_only_if_nothing_was_said(command: str, reply: str, *, doubtful: bool) -> None:
    with MailServer({command: [reply]}) as server:
        assert refusal(channel(server)).doubtful is doubtful


def test_a_headline_of_line_breaks_and_ten_thousand_letters_is_one_subject_and_no_header() -> None:
    title = "قاعدة\r\nBcc: x@evil.example\u2028\u0085\x0b\x0cطرطوس " + "ط" * 10_000
    notification = Notification(
        id="n", receiver="d", channel="email", destination="d@example.org", cause="first", created=NOW, alerts=()
    )
    with MailServer() as server:
        match = a_match(title=title)
        told = Alert(
            id="a", kind="watchlist", name="w", severity=Severity.HIGH, state="open", created=NOW, matches=(match,)
        )
        channel(server).send(Renderer().render(replace(notification, alerts=(told,))), "desk@example.org")
    (received,) = server.received
    head = received.data.split(b"\r\n\r\n", 1)[0].decode("ascii").split("\r\n")
    names = [line.partition(":")[0] for line in head if not line.startswith(" ")]
    assert names == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Id",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert "Bcc: x@evil.example" in str(parsed(received.data)["Subject"])
    assert max(map(len, head)) < 80


def test_a_servers_reply_is_one_short_line_in_the_error() -> None:
    with MailServer({"RCPT": ["550-no\r\n550 \x1b[2Jgone " + "x" * 400]}) as server:
        error = refusal(channel(server))
    assert not re.search(r"[\x00-\x1f]", error.reason)
    assert len(error.reason) < 400


def test_a_domain_in_another_script_is_written_in_idna() -> None:
    with MailServer() as server:
        channel(server, sender="monitor@مثال.إختبار").send(MESSAGE, "desk@bücher.example")
    (received,) = server.received
    assert received.sender == "monitor@xn--mgbh0fb.xn--kgbechtv"
    assert received.recipients == ("desk@xn--bcher-kva.example",)
    assert parsed(received.data)["To"] == "desk@xn--bcher-kva.example"


def test_a_name_in_another_script_needs_a_server_that_takes_it() -> None:
    with MailServer(smtputf8=True) as able, MailServer() as unable:
        channel(able).send(MESSAGE, "مكتب@example.org")
        error = refusal(channel(unable), "مكتب@example.org")
    assert able.received[0].recipients == ("مكتب@example.org",)
    assert not error.retryable


@pytest.mark.parametrize("address", ["nobody", "@example.org", "desk@", "", "a\r\nRCPT TO:<b@c>", "desk@a..b"])
def test_a_destination_that_is_no_address_fails_for_good(address: str) -> None:
    with MailServer() as server:
        assert not refusal(channel(server), address).retryable
    assert not server.received


@pytest.mark.parametrize(
    ("about", "domain", "list_id"),
    [
        ("assad-extradition", "example.org", "<assad-extradition.example.org>"),
        ("Desk_2 > x", "example.org", "<desk-2-x.example.org>"),
        ("قواعد", "example.org", "<xn--mgbq3a8a4a.example.org>"),
        ("operations", "example.org", "<operations.example.org>"),
        ("-", "example.org", "<9fe4c3ca5d6a1a62.example.org>"),
        ("a" * 128, "mail.example.org", f"<{'a' * 128}.mail.example.org>"),
        ("a" * 129, "example.org", "<49e57480db787621.example.org>"),
    ],
)
def test_mails_of_a_watchlist_share_a_list_id(about: str, domain: str, list_id: str) -> None:
    mail = compose(replace(MESSAGE, about=about), "desk@example.org", f"monitor@{domain}")
    assert mail["List-Id"] == list_id
    assert f"List-Id: {list_id}\r\n".encode() in mail.as_bytes()


def test_what_follows_on_a_mail_is_a_reply_to_it() -> None:
    mail = compose(replace(MESSAGE, thread="0123456789abcdef"), "desk@example.org", "monitor@مثال.example")
    assert mail["In-Reply-To"] == mail["References"] == "<0123456789abcdef@xn--mgbh0fb.example>"
    assert mail["Message-ID"] == "<00c0ffee00c0ffee@xn--mgbh0fb.example>"
    assert "In-Reply-To" not in compose(MESSAGE, "desk@example.org", "monitor@example.org")
