"""A real browser for the tests: Chromium without a window. It shows pages and answers questions about them.

Debian's package is ``chromium``. Where there is none `find` says so; tests then skip on a laptop and fail when
``CI=true``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
SECONDS: Final = 60
ANSWER: Final = re.compile(r'<pre id="answer">(.*?)</pre>', re.DOTALL)

# A page in a frame of its own is as wide as it is told, whatever a window's least width is.
PAGE: Final = """<!DOCTYPE html><meta charset="utf-8"><body><pre id="answer"></pre><script>
const frames = PAGES.map((page) => {
  const frame = document.createElement("iframe");
  frame.style.cssText = "border:0;width:WIDTHpx;height:800px";
  frame.srcdoc = page;
  document.body.append(frame);
  return frame;
});
const ask = (page, window) => { SCRIPT };
addEventListener("load", () => {
  const answers = frames.map((frame) => ask(frame.contentDocument, frame.contentWindow));
  document.getElementById("answer").textContent = JSON.stringify(answers);
});
</script>"""


@cache
def find() -> str | None:
    """Return the browser's command, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def ask(pages: Sequence[str], script: str, *, width: int, dark: bool = False) -> list[Any]:
    """Show HTML pages ``width`` CSS pixels wide; return what the body of a function of (page, window) returns of each.

    Raises:
        AssertionError: the browser did not answer.
    """
    filling = {"PAGES": json.dumps(pages).replace("</", "<\\/"), "WIDTH": str(width), "SCRIPT": script}
    page = re.sub("PAGES|WIDTH|SCRIPT", lambda name: filling[name[0]], PAGE)
    found = ANSWER.search(_run(page, "--dump-dom", "--window-size=1200,900", dark=dark))
    assert found, "no answer from the browser"
    answers: list[Any] = json.loads(unescape(found[1]))
    return answers


def picture(page: str, file: Path, *, width: int, height: int, scale: int = 2) -> None:
    """Write how an HTML page looks as PNG, ``scale`` pixels for each of CSS."""
    size = (f"--window-size={width},{height}", f"--force-device-scale-factor={scale}")
    _run(page, f"--screenshot={file.absolute()}", "--hide-scrollbars", *size, dark=False)


def _run(page: str, *options: str, dark: bool) -> str:
    command = find()
    assert command, "there is no browser"
    with tempfile.TemporaryDirectory(prefix="monitor-browser-") as folder:
        shown = Path(folder, "page.html")
        shown.write_text(page, "utf-8")
        fixed = ("--headless", "--disable-gpu", f"--user-data-dir={folder}/profile")
        lenient = "--no-sandbox"  # as root there is none; what we show is our own
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        done = subprocess.run(
            [command, *fixed, lenient, scheme, *options, shown.as_uri()],
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
        return done.stdout.decode()
