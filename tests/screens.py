"""Takes the pictures of the README, ``docs/images/*.png``, of messages in ``data/messages``: `make screens`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from monitor.model import Notification
from monitor.notify.rendering import Renderer
from tests import browser, slackpage

ROOT: Final = Path(__file__).parents[1]
MESSAGES: Final = ROOT / "tests/data/messages"
IMAGES: Final = ROOT / "docs/images"
MAILS: Final = {"mail-ar.png": "term", "mail-en.png": "growth", "mail-follow-up.png": "withdrawn"}
SLACK: Final = {"slack-ar.png": "withdrawn", "slack-en.png": "changed"}
ZONE: Final = ZoneInfo("Asia/Beirut")
RENDERER: Final = Renderer(zones={"beirut": ZONE})
PHONE: Final = 390
WINDOW: Final = 560


def main() -> None:
    """Take every picture, as high as its message; fewer colours where pngquant is at hand."""
    if not browser.find():
        sys.exit("no Chromium here: apt-get install chromium fonts-noto-core")
    IMAGES.mkdir(exist_ok=True)
    for name, case in MAILS.items():
        take(RENDERER.render(notification(case)).html, IMAGES / name, PHONE)
    for name, case in SLACK.items():
        told = notification(case)
        thread = map(RENDERER.render, (before(told), told))
        take(slackpage.page(ZONE, *thread), IMAGES / name, WINDOW)


def notification(case: str) -> Notification:
    """Read a golden notification."""
    return msgspec.json.decode((MESSAGES / case / "notification.json").read_bytes(), type=Notification)


def before(told: Notification) -> Notification:
    """Return what was told first of an alert whose article was edited since."""
    (alert,) = told.alerts
    known = tuple(match for match in alert.matches if match.matched_at < alert.edits[0].at)
    alert = replace(alert, matches=known, stories=(), edits=())
    return replace(told, cause="first", created=known[-1].matched_at, alerts=(alert,))


def take(page: str, file: Path, width: int) -> None:
    """Take one picture."""
    (height,) = browser.ask([page], "return page.body.scrollHeight", width=width)
    browser.picture(page, file, width=width, height=height)
    if quantise := shutil.which("pngquant"):
        subprocess.run([quantise, "--force", "--strip", "--ext=.png", "64", file], check=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
