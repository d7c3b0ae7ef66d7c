from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from monitor.errors import DeliveryError
from monitor.model import Message, Severity
from monitor.notify.spool import SpoolChannel

MESSAGE = Message(
    id="00c0ffee00c0ffee",
    about="russian-bases",
    subject="\u2068محادثات حول قاعدة طرطوس\u2069 · Russian bases",
    text="first report\n\nمحادثات حول قاعدة طرطوس\n",
    html='<p dir="rtl">محادثات حول قاعدة طرطوس</p>\n',
    terminal="",
    data='{"headline": "محادثات"}\n'.encode(),
    date=datetime(2026, 11, 20, 14, 6, tzinfo=UTC),
    severity=Severity.HIGH,
)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_message_is_left_as_a_mail_and_as_json(tmp_path: Path) -> None:
    SpoolChannel("Monitor <monitor@example.org>").send(MESSAGE, str(tmp_path))
    stem = "20261120T140600Z-russian-bases-00c0ffee00c0ffee"
    assert names(tmp_path) == [f"{stem}.eml", f"{stem}.json"]
    assert (tmp_path / f"{stem}.json").read_bytes() == MESSAGE.data
    mail = message_from_bytes((tmp_path / f"{stem}.eml").read_bytes(), policy=default)
    assert mail["Subject"] == MESSAGE.subject
    assert mail["From"] == mail["To"] == "Monitor <monitor@example.org>"
    assert mail["Message-ID"] == "<00c0ffee00c0ffee@example.org>"


def test_a_repeat_replaces_and_never_doubles(tmp_path: Path) -> None:
    channel = SpoolChannel()
    channel.send(MESSAGE, str(tmp_path))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    channel.send(MESSAGE, str(tmp_path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    channel.send(replace(MESSAGE, id="0123456789abcdef"), str(tmp_path))
    assert len(names(tmp_path)) == 4


def test_folders_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    outbox = tmp_path / "var" / "outbox"
    SpoolChannel().send(MESSAGE, str(outbox))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (outbox.parent, outbox, *outbox.iterdir())}
    assert [*modes.values()] == [0o700, 0o700, 0o600, 0o600]


@pytest.mark.parametrize(
    ("about", "part"),
    [
        ("../../etc/passwd", "..-..-etc-passwd"),
        ("قاعدة-طرطوس", "قاعدة-طرطوس"),
        ("a b\n\u202ec\0", "a-b-c-"),
        ("ط" * 300, "ط" * 40),
        ("𐎀" * 300, "𐎀" * 40),
    ],
)
def test_no_watchlists_name_leads_out_of_the_folder(tmp_path: Path, about: str, part: str) -> None:
    SpoolChannel().send(replace(MESSAGE, about=about), str(tmp_path / "outbox"))
    assert names(tmp_path) == ["outbox"]
    assert names(tmp_path / "outbox")[0] == f"20261120T140600Z-{part}-00c0ffee00c0ffee.eml"


def test_names_sort_by_time_whatever_the_zone(tmp_path: Path) -> None:
    cairo = MESSAGE.date.astimezone(timezone(timedelta(hours=2)))
    SpoolChannel().send(replace(MESSAGE, date=cairo), str(tmp_path))
    assert names(tmp_path)[0].startswith("20261120T140600Z-")


def test_a_folder_that_is_a_file_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("")
    with pytest.raises(DeliveryError, match="outbox cannot be written: File exists") as caught:
        SpoolChannel().send(MESSAGE, str(tmp_path / "outbox"))
    assert caught.value.retryable


def test_a_read_only_place_is_tried_again() -> None:
    with pytest.raises(DeliveryError, match=r"/proc/outbox cannot be written: ") as caught:
        SpoolChannel().send(MESSAGE, "/proc/outbox")
    assert caught.value.retryable


def test_a_sender_that_is_no_address_fails_for_good(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="no mail address") as caught:
        SpoolChannel("nobody").send(MESSAGE, str(tmp_path))
    assert not caught.value.retryable
    assert names(tmp_path) == []


LIMITED = """
import resource, signal, sys
sys.path.insert(0, "")
from tests.test_spool import MESSAGE
from monitor.errors import DeliveryError
from monitor.notify.spool import SpoolChannel

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    SpoolChannel().send(MESSAGE, sys.argv[1])
except DeliveryError as error:
    print(error.retryable, error)
"""


def test_a_disk_that_is_full_in_mid_file_leaves_no_half_mail_and_is_tried_again(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    root = Path(__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(outbox)], cwd=root, capture_output=True, check=True, timeout=60, text=True
    )
    assert run.stdout == f"True {outbox} cannot be written: File too large\n"
    assert [name for name in names(outbox) if name.endswith(".eml")] == []
    SpoolChannel().send(MESSAGE, str(outbox))
    assert [Path(name).suffix for name in names(outbox)] == [".eml", ".json"]
