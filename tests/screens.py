"""Takes the pictures of the README, ``docs/images/mail-*.png``, of messages in ``data/messages``: `make screens`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from monitor.model import Notification
from monitor.notify.rendering import Renderer
from tests import browser

ROOT: Final = Path(__file__).parents[1]
MESSAGES: Final = ROOT / "tests/data/messages"
IMAGES: Final = ROOT / "docs/images"
PICTURES: Final = {"mail-ar.png": "story-ar", "mail-en.png": "story-en"}
PHONE: Final = 390


def main() -> None:
    """Take every picture, as high as its message; fewer colours where pngquant is at hand."""
    if not browser.find():
        sys.exit("no Chromium here: apt-get install chromium fonts-noto-core")
    IMAGES.mkdir(exist_ok=True)
    for name, case in PICTURES.items():
        given = msgspec.json.decode((MESSAGES / case / "notification.json").read_bytes(), type=Notification)
        page = Renderer().render(given).html
        (height,) = browser.ask([page], "return page.body.scrollHeight", width=PHONE)
        file = IMAGES / name
        browser.picture(page, file, width=PHONE, height=height)
        if quantise := shutil.which("pngquant"):
            subprocess.run([quantise, "--force", "--strip", "--ext=.png", "64", file], check=True)
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
