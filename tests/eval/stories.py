"""Pairs of real articles that a reader judged: do we join those that tell the same story, and no others?

`stories.tsv` lies with the labelled data; `stories_further.tsv` is ours, drawn from the same corpus by nearest
neighbours, by the next day's nearest and by kinds of template, and judged before anything was measured on it.
"""

from __future__ import annotations

import csv
import json
import lzma
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.model import Article, Header
from monitor.ports import Signed
from monitor.stories.relating import Relation, keys, relate
from monitor.stories.signing import sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FURTHER: Final = Path(__file__).parent / "stories_further.tsv"


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair as a reader and as we see it; ``keyed``: an index would have shown one of them to the other."""

    stratum: str
    ids: tuple[str, str]
    label: str
    relation: Relation
    keyed: bool

    @property
    def right(self) -> bool:
        """Whether we say what the reader says; a later development is another story."""
        return self.relation.same == (self.label == "same")


def judge(shared: Path, file: Path) -> list[Judged]:
    """Relate the articles of a table's pairs."""
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    signed = _signed(shared, {row[side] for row in rows for side in ("a_id", "b_id")})
    return [_judged(row, signed[row["a_id"]], signed[row["b_id"]]) for row in rows]


def figures(judged: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """Return precision and recall by stratum, with counts; 1 where there is nothing to be wrong about."""
    strata: dict[str, list[Judged]] = defaultdict(list)
    for pair in judged:
        strata[pair.stratum].append(pair)
    return {name: _figures(some) for name, some in (*sorted(strata.items()), ("all", list(judged)))}


def errors(judged: Iterable[Judged]) -> Iterator[str]:
    """Say which pairs we judge otherwise than labelled, and why we did."""
    for pair in judged:
        if not pair.right:
            relation = pair.relation
            kind = "wrong " if relation.same else "missed"
            yield f"{kind} {pair.stratum}  {' '.join(pair.ids)}  {relation.because} {relation.likeness:.2f}"


def _judged(row: Mapping[str, str], one: Signed, other: Signed) -> Judged:
    keyed = not set(keys(one.signature)).isdisjoint(keys(other.signature))
    return Judged(row["stratum"], (one.article, other.article), row["label"], relate(other, one), keyed)


def _figures(some: Sequence[Judged]) -> dict[str, float]:
    joined = [pair for pair in some if pair.relation.same]
    same = sum(pair.label == "same" for pair in some)
    hits = sum(pair.label == "same" for pair in joined)
    return {
        "pairs": len(some),
        "same": same,
        "joined": len(joined),
        "wrongly": len(joined) - hits,
        "precision": hits / len(joined) if joined else 1.0,
        "recall": hits / same if same else 1.0,
        "keyed": sum(pair.keyed for pair in joined) / len(joined) if joined else 1.0,
    }


def _signed(shared: Path, wanted: set[str]) -> dict[str, Signed]:
    found = {}
    with lzma.open(shared / "corpus/saudinewsnet.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            read = json.loads(line)
            if read["id"] in wanted:
                at = datetime.fromisoformat(read["published"]).replace(tzinfo=UTC)
                header = Header(
                    id=read["id"], source=read["source"], title=read["title"], content_hash="", first_seen=at
                )
                article = Article(header=header, text=read["text"])
                found[read["id"]] = Signed(article=read["id"], at=at, signature=sign(article))
    return found
