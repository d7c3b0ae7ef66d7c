"""Write the table of how common words are, from wordfreq's list: `make words WHEEL=FILE`.

The list's licence is Creative Commons Attribution-ShareAlike 4.0, and so is the table's (NOTICE). Words are folded as
monitor folds them, those folded alike are added up, rare ones are left out, tenths of the Zipf scale are kept.
"""

from __future__ import annotations

import gzip
import math
import re
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Final

import msgspec

from monitor.text.frequencies import TABLE
from monitor.text.lexicon import key

LIST: Final = "wordfreq/data/large_ar.msgpack.gz"
WORD: Final = re.compile("[\u0621-\u064a]{2,40}")
LEAST: Final = 2.5
"""Zipf: three uses in ten million words. What is rarer tells nothing that its absence would not."""

BILLION: Final = 9


def main(wheel: Path) -> None:
    """Read the list out of the wheel, and write the table."""
    with zipfile.ZipFile(wheel) as archive:
        head, *by_centibel = msgspec.msgpack.decode(gzip.decompress(archive.read(LIST)))
    if head != {"format": "cB", "version": 1}:
        sys.exit(f"{wheel}: the word list has another format: {head}")
    shares: dict[str, float] = defaultdict(float)
    for centibel, words in enumerate(by_centibel):
        for plain in map(key, words):
            if WORD.fullmatch(plain):
                shares[plain] += 10 ** (-centibel / 100)
    by_tenth: dict[int, list[str]] = defaultdict(list)
    for plain, share in shares.items():
        zipf = math.log10(share) + BILLION
        if zipf >= LEAST:
            by_tenth[round(zipf * 10)].append(plain)
    lines = (f"{tenth} {' '.join(sorted(words))}\n" for tenth, words in sorted(by_tenth.items(), reverse=True))
    with TABLE.open("wb") as file:
        file.write(gzip.compress("".join(lines).encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
