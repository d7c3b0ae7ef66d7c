"""How fast articles are held against many watchlists: `python -m tests.bench.matching`, `--help` for its options.

Real articles in memory (needs SHARED). The watchlists are drawn from headlines of one half, two terms near each other;
the articles are the other half; evidence is made. Everything is timed in one run on one core, beside `str.split` of the
same texts and beside the loop that one would write first, `rapidfuzz.fuzz.partial_ratio` for each term.
"""

from __future__ import annotations

import argparse
import gc
import json
import lzma
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from rapidfuzz import fuzz

from monitor.matching import compile_watchlists
from monitor.matching.expressions import Near, Term, TermSet, Watchlist
from monitor.model import Article, Header, WatchlistHeader
from monitor.text.lexicon import is_listed
from monitor.text.tokens import Script, tokenize
from tests.bench.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.matching import Matcher

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
SIZES: Final = (10, 100, 1_000, 10_000)
WITHIN: Final = 12
LEAST_LETTERS: Final = 3
REPEATED: Final = 1_000
"""Articles that are held once more when all their words are remembered."""

LOOPED: Final = 20
"""Articles that the loop is timed on; it is too slow for more."""


def main() -> None:
    """Time each size in a process of its own, so that memory is its own too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--graph", type=Path, help="draw them into this file (SVG)")
    parser.add_argument("--articles", type=int, default=14_900)
    parser.add_argument("--size", type=int, help="time one size, print one JSON object")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure(options.size, options.articles)))
        return
    rows = [_in_a_process(size, options.articles) for size in SIZES]
    _print(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    if options.graph:
        options.graph.write_text(_drawn(rows), "utf-8")


def measure(size: int, articles: int) -> dict[str, Any]:
    """Compile so many watchlists; hold articles against them with nothing remembered, and some with all of it."""
    headlines, given = corpus(articles)
    watchlists = drawn(headlines, size)
    begun = perf_counter()
    matcher = compile_watchlists(watchlists)
    compiled = perf_counter() - begun
    gc.collect()
    gc.freeze()
    texts = [article.text for article in given]
    split = _timed(lambda: [len(text.split()) for text in texts])
    matches, cold = _held(matcher, given)
    again = given[-REPEATED:]
    _held(matcher, again)
    _, warm = _held(matcher, again)
    warm *= len(given) / len(again)
    changed = [*watchlists[:-1], drawn(headlines[-50:], 1)[0]]
    change = _timed(lambda: compile_watchlists(changed, matcher))
    loop = _timed(lambda: [_loop(watchlists, text) for text in texts[:LOOPED]]) / LOOPED
    return {
        "watchlists": size,
        "articles": len(given),
        "matches": matches,
        "split_per_second": round(len(given) / split),
        "cold_per_second": round(len(given) / cold),
        "warm_per_second": round(len(given) / warm),
        "split_over_cold": round(cold / split, 1),
        "split_over_warm": round(warm / split, 1),
        "loop_per_second": round(1 / loop, 2),
        "warm_over_loop": round(loop * len(given) / warm),
        "compile_seconds": round(compiled, 2),
        "change_milliseconds": round(change * 1000, 1),
        "resident_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def corpus(articles: int) -> tuple[list[str], list[Article]]:
    """Read headlines of the even articles, and so many of the odd ones, drawn from all of them."""
    path = Path(os.environ.get("SHARED", "../shared")) / "corpus/saudinewsnet.jsonl.xz"
    if not path.is_file():
        sys.exit(f"needs the real articles beside the project: {path} is not there (set SHARED)")
    headlines: list[str] = []
    given: list[Article] = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            read = json.loads(line)
            if number % 2 == 0:
                headlines.append(read["title"])
            else:
                given.append(_article(read))
    random = Random(20261125)  # the papers come one after the other, and some write longer articles
    return headlines, random.sample(given, min(articles, len(given)))


def drawn(headlines: Sequence[str], count: int) -> list[Watchlist]:
    """Make watchlists of two terms, of one or two words each, near each other in one headline."""
    random = Random(20261124)
    found: list[Watchlist] = []
    order = [one for _ in range(5) for one in random.sample(headlines, len(headlines))]
    for headline in order:
        words = [
            token.spelt
            for token in tokenize(headline)
            if token.script is Script.ARABIC
            and len(token.spelt) >= LEAST_LETTERS
            and not is_listed(token.spelt, "function_words")
        ]
        if len(words) < 4 or len(found) == count:
            continue
        first, second = sorted(random.sample(range(len(words) - 1), 2))
        lengths = random.choices((1, 2), k=2)
        pair = [" ".join(words[at : at + n]) for at, n in zip((first, second), lengths, strict=True)]
        sets = tuple(TermSet(text, (Term(text),)) for text in pair)
        header = WatchlistHeader(id=f"list-{len(found)}", name=headline, revision=f"{len(found)}:{headline}")
        found.append(Watchlist(header, Near(headline, sets, WITHIN)))
    return found


def _article(read: dict[str, Any]) -> Article:
    header = Header(id=read["id"], source=read["source"], title=read["title"], content_hash="", first_seen=NOW)
    return Article(header=header, text=read["text"])


def _held(matcher: Matcher, given: Sequence[Article]) -> tuple[int, float]:
    begun = perf_counter()
    matches = sum(len(matcher.match(article, NOW)) for article in given)
    return matches, perf_counter() - begun


def _timed(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def _loop(watchlists: Sequence[Watchlist], text: str) -> int:
    found = 0
    for watchlist in watchlists:
        clause = watchlist.clause
        assert isinstance(clause, Near)
        found += all(fuzz.partial_ratio(one.label, text, score_cutoff=85) for one in clause.operands)
    return found


def _in_a_process(size: int, articles: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.matching", "--size", str(size), "--articles", str(articles)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stderr or "the measurement failed")
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def _drawn(rows: Sequence[dict[str, Any]]) -> str:
    lines = {
        "rapidfuzz in a loop": "loop_per_second",
        "monitor, no word met": "cold_per_second",
        "monitor, words met": "warm_per_second",
        "str.split alone": "split_per_second",
    }
    microseconds = {name: [1e6 / row[key] for row in rows] for name, key in lines.items()}
    across = [row["watchlists"] for row in rows]
    return draw("An article of 290 words against watchlists", across, microseconds, x="watchlists", y="microseconds")


def _print(rows: Sequence[dict[str, Any]]) -> None:
    width = max(len(name) for name in rows[0])
    for name in rows[0]:
        print(f"{name.replace('_', ' '):<{width}}  " + "  ".join(f"{row[name]:>10,}" for row in rows))
    slower = rows[0]["warm_per_second"] / rows[-1]["warm_per_second"]
    print(f"{rows[-1]['watchlists']:,} watchlists take {slower:.2f} times as long as {rows[0]['watchlists']:,}")


if __name__ == "__main__":
    main()
