"""How long hostile texts take, and how much memory: `python -m tests.bench.hostile`.

Each text is held against the shipped watchlists at a size and at four times that size, each in a process of its own:
the ratio of the times says whether time grows with length alone (4), or worse (16 would be its square).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from monitor.matching import compile_watchlists
from monitor.model import Article, Header
from monitor.watchlists.loading import load_watchlists

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
END: Final = "\n\nرفض تسليم بشار الأسد إلى سوريا."
TIMES: Final = 4

SENTENCE: Final = "قالت مصادر في دمشق إن القوات الروسية انسحبت من قاعدة حميميم وتسلمتها «قسد»، ونفت موسكو ذلك. "
TEXTS: Final[dict[str, tuple[str, int, Callable[[int], str]]]] = {
    "news": ("an article of 10 MB", 5_250_000, lambda size: SENTENCE * (size // len(SENTENCE))),
    "line": ("without any stop or line break", 2_000_000, lambda size: "سلمت روسيا الأسد " * (size // 17)),
    "word": ("a word of a million letters", 1_000_000, lambda size: "سوريا" * (size // 5)),
    "marks": ("a million marks on one letter", 1_000_000, lambda size: "س" + "\u064e" * size),
    "distinct": ("100,000 distinct words", 100_000, lambda size: " ".join(map(_word, range(size)))),
    "joined": ("commas without a space", 1_000_000, lambda size: "سوريا،" * (size // 6)),
    "particles": ("particles cut off from nothing", 300_000, lambda size: "لـ " * (size // 3)),
    "near": ("two words of a near, again and again", 300_000, lambda size: "الأسد تسليم " * (size // 12)),
    "far": ("one of them, then the other", 300_000, lambda size: "الأسد. " * (size // 12) + "تسليم. " * (size // 12)),
    "digits": ("a number without end", 300_000, lambda size: "1," * (size // 2)),
    "spaces": ("nothing but spaces", 3_000_000, lambda size: " " * size),
}


def main() -> None:
    """Print a row for each text."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
        return
    print(f"{'':<40}{'seconds':>9}{'x 4':>8}{'ratio':>8}{'MB':>7}{'x 4':>7}")
    for name, (about, size, _) in TEXTS.items():
        one, other = _in_a_process(name, size // TIMES), _in_a_process(name, size)
        ratio = other[0] / one[0]
        print(f"{about:<40}{one[0]:>9.2f}{other[0]:>8.2f}{ratio:>8.1f}{one[1]:>7.0f}{other[1]:>7.0f}")


def measure(name: str, size: int) -> tuple[float, float]:
    """Hold one text against the watchlists; return seconds, and the megabytes that it took more than before."""
    watchlists = load_watchlists(ROOT / "watchlists.yaml").watchlists
    matcher = compile_watchlists(watchlists)
    header = Header(id="a", source="s", title="", content_hash="", first_seen=NOW, titled=False)
    article = Article(header=header, text=TEXTS[name][2](size) + END)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = perf_counter()
    if not matcher.match(article, NOW):
        sys.exit(f"{name}: the sentence at the end was not found")
    return perf_counter() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _word(number: int) -> str:
    return f"{number:b}".translate({ord("0"): "ب", ord("1"): "ت"})


def _in_a_process(name: str, size: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.bench.hostile", name, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stderr or "the measurement failed")
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


if __name__ == "__main__":
    main()
