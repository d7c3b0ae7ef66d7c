from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pytest

from monitor.errors import DeliveryError
from monitor.model import Message, Severity
from monitor.notify.terminal import STYLES, TerminalChannel, plain

MESSAGE = Message(
    id="00c0ffee00c0ffee",
    about="ports",
    subject="",
    text="",
    html="",
    terminal=f"{STYLES['bold']}سفينة في {STYLES['mark']}طرطوس{STYLES['unmark']}{STYLES['end']}\n  Ports · high",
    data=b"{}",
    date=datetime(2026, 11, 20, 14, 6, tzinfo=UTC),
    severity=Severity.HIGH,
)
PLAIN = "سفينة في *طرطوس*\n  Ports · high\n\n"


class Screen(io.StringIO):
    """A stream that says it is a terminal, and counts how often it was flushed."""

    flushed = 0

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.flushed += 1


def shown(environment: dict[str, str]) -> str:
    screen = Screen()
    TerminalChannel(screen, environment).send(MESSAGE, "-")
    return screen.getvalue()


def test_a_terminal_gets_colours() -> None:
    assert shown({"TERM": "xterm-256color"}) == MESSAGE.terminal + "\n\n"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_declined(environment: dict[str, str]) -> None:
    assert shown(environment) == PLAIN


def test_an_empty_no_color_declines_nothing() -> None:
    assert shown({"NO_COLOR": ""}) == MESSAGE.terminal + "\n\n"


def test_what_is_no_terminal_gets_plain_text_with_asterisks_around_the_words() -> None:
    output = io.StringIO()
    TerminalChannel(output, {}).send(MESSAGE, "-")
    assert output.getvalue() == PLAIN == plain(MESSAGE.terminal) + "\n\n"


def test_each_alert_is_flushed_at_once() -> None:
    screen = Screen()
    channel = TerminalChannel(screen, {})
    channel.send(MESSAGE, "-")
    assert screen.flushed == 1
    channel.send(MESSAGE, "-")
    assert screen.flushed == 2


def test_an_output_that_cannot_write_arabic_shows_question_marks() -> None:
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="ascii")
    TerminalChannel(output, {}).send(MESSAGE, "-")
    assert raw.getvalue() == b"????? ?? *?????*\n  Ports ? high\n\n"


def refusal(output: TextIO) -> DeliveryError:
    channel = TerminalChannel(output, {})
    with pytest.raises(DeliveryError, match="standard output cannot be written: ") as caught:
        channel.send(MESSAGE, "-")
    return caught.value


def discard(output: TextIO) -> None:
    """Let what is left in the buffer go, so that closing the file does not fail too."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), output.fileno())


def test_a_closed_output_is_a_failure_to_try_again() -> None:
    output = io.StringIO()
    output.close()
    error = refusal(output)
    assert error.retryable
    assert "closed file" in error.reason


def test_a_reader_that_went_away_is_a_failure_to_try_again() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as output:
        error = refusal(output)
        discard(output)
    assert error.retryable
    assert "Broken pipe" in error.reason


def test_a_full_disk_behind_the_output_is_a_failure_to_try_again() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as output:
        error = refusal(output)
        discard(output)
    assert error.retryable
    assert "No space left on device" in error.reason


SEND = """
import sys
from datetime import UTC, datetime
from monitor.errors import DeliveryError
from monitor.model import Message, Severity
from monitor.notify.terminal import STYLES, TerminalChannel

text = STYLES["mark"] + "طرطوس" + STYLES["unmark"]
at = datetime(2026, 11, 20, tzinfo=UTC)
parts = {"subject": "", "text": "", "html": "", "terminal": text, "data": b""}
message = Message(id="1", about="x", **parts, date=at, severity=Severity.LOW)
try:
    TerminalChannel().send(message, "-")
except DeliveryError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
sys.stdin.readline()
"""


def test_a_process_on_a_terminal_shows_an_alert_while_it_goes_on() -> None:
    master, slave = pty.openpty()
    environment = {"TERM": "xterm", "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SEND], cwd=root(), env=environment, stdin=subprocess.PIPE, stdout=slave
    ) as process:
        os.close(slave)
        written = os.read(master, 1000).decode()
        assert process.poll() is None
        process.communicate(b"\n", timeout=20)
    os.close(master)
    assert written.startswith(STYLES["mark"] + "طرطوس" + STYLES["unmark"])


def test_a_process_into_a_pipe_shows_an_alert_while_it_goes_on() -> None:
    environment = {"PYTHONUTF8": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SEND], cwd=root(), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().decode() == "*طرطوس*\n"
        assert process.poll() is None
        process.communicate(b"\n", timeout=20)


def test_a_process_without_an_output_says_so_and_goes_on() -> None:
    command = ["sh", "-c", f'exec "{sys.executable}" -c "$0" >&-', SEND]
    ended = subprocess.run(
        command, cwd=root(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=20
    )
    assert ended.returncode == 7
    assert ended.stderr.decode() == "standard output cannot be written: there is none\n"


def root() -> Path:
    return Path(__file__).parent.parent
