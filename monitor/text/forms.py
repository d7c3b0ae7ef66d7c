"""One written form of a term, and the conditions under which a word of a text may be it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.text.arabic import agree, marks_agree
from monitor.text.folding import is_mark
from monitor.text.lexicon import key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.model import How
    from monitor.text.arabic import Cut


@dataclass(frozen=True, slots=True)
class Form:
    """A body to look for, without particles and article.

    ``free``: stands without a pronoun, ``bound``: takes one, ``noun``: takes the article, ب and ك, ``present``: takes
    س. ``weak``: too many other words look like it; it counts inside a phrase or a `near` only, unless the text writes
    one of the marks in ``proof`` (letter, mark). ``sure_hamza``: made by a pattern, so the text must write its hamza.
    """

    spelt: str
    how: How
    free: bool = True
    bound: bool = True
    noun: bool = True
    present: bool = False
    weak: bool = False
    proof: tuple[int, str] | None = None
    sure_hamza: bool = False
    marks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The folded form, under which it is found."""
        return key(self.spelt)

    def admits(self, cut: Cut, marks: Sequence[str]) -> bool:
        """Tell whether a word taken apart like this, its body with these marks, may be the form."""
        if not (self.bound if cut.enclitic else self.free):
            return False
        if not self.noun and (cut.article or cut.particle in {"ب", "ك"} or (cut.particle == "ل" and not self.present)):
            return False
        if cut.particle == "س" and not self.present:
            return False
        after_letter = bool(cut.joint or cut.particle) and not cut.article
        return agree(self.spelt, cut.body, cut=after_letter, strict=self.sure_hamza) and marks_agree(self.marks, marks)

    def is_weak(self, marks: Sequence[str]) -> bool:
        """Tell whether the form proves too little where its body carries these marks."""
        proven = self.proof is not None and bool(marks) and self.proof[1] in marks[self.proof[0]]
        return self.weak and not proven


def form(word: str, how: How, **conditions: bool) -> Form:
    """Make a form of a word whose vowel marks, if it has any, count."""
    letters, marks = split_marks(word)
    return Form(letters, how, marks=marks if any(marks) else (), **conditions)  # type: ignore[arg-type]  # bools only


def split_marks(word: str) -> tuple[str, tuple[str, ...]]:
    """Part a word into its letters and the marks on each."""
    if word.isalpha():  # no mark is a letter
        return word, ("",) * len(word)
    letters: list[str] = []
    marks: list[str] = []
    for char in word:
        if is_mark(char) and letters:
            marks[-1] += char
        else:
            letters.append(char)
            marks.append("")
    return "".join(letters), tuple(marks)


def derived(found: Form, how: How) -> Form:
    """Say of a form that it is at best ``how`` sure."""
    return replace(found, how=how)
