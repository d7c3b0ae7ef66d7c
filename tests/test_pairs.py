"""Pairs of a term and a text that another hand labelled by the language alone, without knowing the rules."""

from __future__ import annotations

from pathlib import Path

from tests.eval.pairs import engine, read_pairs

PAIRS = read_pairs(Path(__file__).parent / "data/matching", "pairs.tsv")
KNOWN = {
    ("name:شي جين بينغ", "شي جينبينغ"),  # two parts of a name joined, where the list has no such compound
    ("name:لولا", "لولاه"),  # a particle with its pronoun looks like a name
    ("name:بومبيو", "بومبي"),  # two names within the limit of each other
    ("تقنين", "ستقنّنها"),  # ت before form II is form V's as well, though س says that it is a present
    ("يقاضونه", "لمقاضاته"),  # a term that carries a pronoun is not taken apart
    ("أديان", "ديون"),  # religions and debts, both plurals of دين
}
"""What is judged otherwise than labelled, and why."""


def test_pairs_are_judged_as_labelled() -> None:
    wrong = {(pair.term, pair.text) for pair in PAIRS if engine(pair.term, pair.text) != pair.counts}
    assert wrong == KNOWN
