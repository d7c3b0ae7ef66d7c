"""Print how well terms find what analysts mean: `python -m tests.eval [--json FILE] [--errors]` (needs SHARED)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.log import configure_logging
from tests.eval import replaying, stories, topics
from tests.eval.pairs import JUDGES, accepted, by_kind, engine, f1, read_pairs, right

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.eval.pairs import Judge, Pair

Row = dict[str, float]


def main() -> None:
    """Measure, print tables, write them as JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--errors", action="store_true", help="list what is judged otherwise than labelled")
    options = parser.parse_args()
    shared = Path(os.environ.get("SHARED", "../shared"))
    if not (shared / "eval").is_dir():
        sys.exit(f"needs the labelled data beside the project: {shared / 'eval'} is not there (set SHARED)")
    tables = {
        **_pairs(shared / "eval", errors=options.errors),
        **_topics(shared, errors=options.errors),
        **_stories(shared, errors=options.errors),
        **_replayed(shared),
    }
    if options.json:
        options.json.write_text(json.dumps(tables, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _pairs(folder: Path, *, errors: bool) -> dict[str, dict[str, Row]]:
    forms = read_pairs(folder, "forms.tsv")
    names = by_kind(read_pairs(folder, "names.tsv", {"name": "name:"}))
    unselected = by_kind(read_pairs(folder, "names_unselected.tsv", {"variant?": "name:", "different": "name:"}))
    strata = {"all": forms, **by_kind(forms)}
    tables = {
        "forms: share right": _table(strata, right),
        "names: F1": {kind: {who: f1(some, judge) for who, judge in JUDGES.items()} for kind, some in names.items()},
        "unselected names: share accepted": _table(unselected, accepted),
    }
    for name, rows in tables.items():
        _print(name, rows)
    for pair in (*forms, *(pair for some in names.values() for pair in some)) if errors else ():
        if engine(pair.term, pair.text) != pair.counts:
            print(f"  {'missed' if pair.counts else 'wrong'}  {pair.kind}  {pair.term}  {pair.text}")
    return tables


def _table(strata: Mapping[str, list[Pair]], measure: Callable[[list[Pair], Judge], float]) -> dict[str, Row]:
    return {kind: {who: measure(some, judge) for who, judge in JUDGES.items()} for kind, some in strata.items()}


def _topics(shared: Path, *, errors: bool) -> dict[str, dict[str, Row]]:
    here = topics.HERE
    sets = {
        "topics: F1, with 95 % intervals": (shared / "eval/labels.jsonl", here / "watchlists.yaml"),
        "further topics, by another hand": (here / "further.jsonl", here / "further.yaml"),
    }
    tables = {}
    for name, (labels, watchlists) in sets.items():
        judged = topics.judge(shared, labels, watchlists)
        tables[name] = {topic: scores.row() for topic, scores in judged.items()} | {"mean": topics.mean(judged)}
        _print(name, tables[name])
        for topic, scores in judged.items() if errors else ():
            for line in scores.errors():
                print(f"  {topic}  {line}")
    return tables


def _stories(shared: Path, *, errors: bool) -> dict[str, dict[str, Row]]:
    files = {"stories": shared / "eval/stories.tsv", "further stories, judged blind": stories.FURTHER}
    tables = {}
    for name, file in files.items():
        judged = stories.judge(shared, file)
        tables[name] = stories.figures(judged)
        _print(name, tables[name])
        for line in stories.errors(judged) if errors else ():
            print(f"  {line}")
    return tables


def _replayed(shared: Path) -> dict[str, dict[str, Row]]:
    with redirect_stderr(StringIO()):  # the log of what is told
        configure_logging()
        tables = {"eighteen days, eight watchlists": replaying.replay(shared)}
    for name, rows in tables.items():
        _print(name, rows)
    return tables


WIDTH: Final = 12


def _print(name: str, rows: Mapping[str, Row]) -> None:
    columns = list(next(iter(rows.values())))
    first = max(len(kind) for kind in (*rows, name))
    print(f"\n{name:<{first}}" + "".join(f"{one:>{WIDTH}}" for one in columns))
    for kind, row in rows.items():
        print(f"{kind:<{first}}" + "".join(f"{_shown(row[one]):>{WIDTH}}" for one in columns))


def _shown(figure: float) -> str:
    return str(figure) if isinstance(figure, int) else f"{figure:.3f}"


if __name__ == "__main__":
    main()
