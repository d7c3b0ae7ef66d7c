"""The word lists that the rules of Arabic lean on, written by us, one file a list in ``data``.

Hides the files. Words are kept as spelt; tables are looked up by `key`, which folds the hamza and the final ى.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from monitor.text.folding import fold_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DATA: Final = files("monitor.text") / "data"


def is_listed(word: str, *names: str) -> bool:
    """Tell whether a word stands in one of these lists; its final ى counts (على is a preposition, علي a name)."""
    entry = _entry(word)
    return any(entry in _words(name) for name in names)


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_entry(word) for line in _lines(name) for word in line)


@lru_cache(maxsize=32768)
def _entry(word: str) -> str:
    return key(word)[:-1] + "ى" if word.endswith("ى") else key(word)


@cache
def plurals() -> dict[str, tuple[tuple[str, str], ...]]:
    """Map the key of a singular to (singular as spelt, plural), for each irregular plural."""
    return _paired((line[0], plural) for line in _lines("broken_plurals") for plural in line[1:])


@cache
def singulars() -> dict[str, tuple[tuple[str, str], ...]]:
    """Map the key of an irregular plural to (plural as spelt, singular), for each singular."""
    return _paired((plural, line[0]) for line in _lines("broken_plurals") for plural in line[1:])


def _paired(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for one, other in pairs:
        found[key(one)] = (*found.get(key(one), ()), (one, other))
    return found


@cache
def verbs() -> tuple[tuple[str, str], ...]:
    """List the frequent verbs, each as (past, present) of the third person."""
    return tuple((line[0], line[1]) for line in _lines("verbs"))


@cache
def letter_names() -> dict[str, tuple[str, ...]]:
    """Map each Latin capital to its names in Arabic, the usual one first."""
    return {line[0]: tuple(line[1:]) for line in _lines("letter_names")}


@cache
def third_form() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Map the key of a verb of form III with a noun فعال, and of its verbal nouns, to (past, verbal nouns)."""
    return {key(word): (line[0], tuple(line[1:])) for line in _lines("third_form") for word in line}


@cache
def gentilics() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Map the key of a country, its adjective or its people (article apart) to the families it belongs to."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in _lines("gentilics"):
        for word in {key(word) for word in line} | {key(line[0]).removeprefix("ال")}:
            found[word] = (*found.get(word, ()), tuple(line))
    return found


@cache
def aliases() -> dict[str, tuple[str, ...]]:
    """Map the key of a spelling, without article, to all spellings of that name."""
    return {key(word): tuple(line) for line in _lines("aliases") for word in line}


@lru_cache(maxsize=32768)
def key(word: str) -> str:
    """Fold a word for look-up."""
    folded = fold_word(word)
    return word if folded == word else folded  # one string kept, not two alike


def _lines(name: str) -> Iterator[list[str]]:
    for line in (_DATA / f"{name}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split()
