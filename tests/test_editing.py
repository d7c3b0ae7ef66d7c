"""What an edit takes away of what was found: sentences compared as the matcher compares words."""

from dataclasses import replace

import pytest

from monitor.model import Article
from monitor.stories.editing import edition_of, is_gone
from tests.samples import NOW, TITLE, a_match, header


def later(title: str, text: str = "") -> Article:
    return Article(header=header(version="v2", title=title, revision=2), text=text)


@pytest.mark.parametrize(
    ("title", "text", "gone"),
    [
        (TITLE, "", False),
        ("عاجل: " + TITLE, "", False),
        ("وصول سفينة: قصة", f"تحدث المدير. {TITLE}، قال.", False),
        ("وُصُول سفينةٍ إلى «ميناء» طرطوس", "", False),
        ("وصول سفينتين إلى ميناء طرطوس", "", True),
        ("وصول سفينة إلى ميناء", "طرطوس مدينة", True),
        ("", "", True),
    ],
)
def test_what_was_found_is_gone_when_its_sentence_stands_nowhere(title: str, text: str, *, gone: bool) -> None:
    edition = edition_of(later(title, text), [], NOW)
    assert edition
    assert is_gone(a_match(), edition) is gone


def test_of_several_sentences_one_that_is_gone_is_enough() -> None:
    (clause,) = a_match().evidence
    match = replace(a_match(), evidence=(clause, replace(clause, quote="وهي الثانية.")))
    edition = edition_of(later(TITLE), [], NOW)
    assert edition
    assert is_gone(match, edition)


def test_a_first_version_is_no_edition_and_a_later_one_names_the_watchlists_that_it_satisfies() -> None:
    assert edition_of(Article(header=header(), text=""), [a_match()], NOW) is None
    edition = edition_of(later(TITLE), [a_match()], NOW)
    assert edition
    assert edition.watchlists == ("tartus",)
