from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.text.tokens import Script, tokenize


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("وصل الوفد،ثم غادر.انتهى", ["وصل", "الوفد", "ثم", "غادر", "انتهي"]),
        ("قطع 17كم", ["قطع", "17", "كم"]),
        ("F16 وإف-16", ["f", "16", "واف", "16"]),
        ("#القواعد_الروسية", ["القواعد", "الروسية"]),
        ("@SDF_press قالت", ["@sdf_press", "قالت"]),
        ("https://x.example/Assad?a=1 خبر", ["https://x.example/assad?a=1", "خبر"]),
        ("a.b@x.example كتب", ["a.b@x.example", "كتب"]),
        ("the U.S. said", ["the", "us", "said"]),
        ("Assad’s O'Neil", ["assad's", "o'neil"]),
        ("60,000 و٦٠٬٠٠٠ 3.5 ٣٫٥", ["60000", "60000", "3.5", "3.5"]),
        ("ـ", []),
        ("الأسد/بوتين", ["الاسد", "بوتين"]),
    ],
)
def test_a_text_is_cut_where_letters_digits_and_scripts_meet(text: str, keys: list[str]) -> None:
    assert [token.key for token in tokenize(text)] == keys


@pytest.mark.parametrize(
    ("text", "prefix", "key"),
    [
        ("لـ«قسد»", "ل", "قسد"),
        ("الـ17", "ال", "17"),
        ("الـ 17", "ال", "17"),
        ('بـ"داعش"', "ب", "داعش"),
        ("ل(داعش)", "ل", "داعش"),
        ("و٦٠", "و", "60"),
        ("بـSDF", "ب", "sdf"),
    ],
)
def test_a_particle_cut_off_belongs_to_the_next_word(text: str, prefix: str, key: str) -> None:
    [token] = tokenize(text)
    assert (token.prefix, token.key) == (prefix, key)
    assert text[token.start : token.end].casefold().translate(str.maketrans("٦٠", "60")) == key


def test_a_letter_that_stands_alone_is_a_word() -> None:
    assert [(token.key, token.prefix) for token in tokenize("و قال. بـ")] == [("و", ""), ("قال", ""), ("ب", "")]


def test_a_particle_does_not_reach_over_a_comma() -> None:
    assert [(token.key, token.prefix) for token in tokenize("لـ، قال")] == [("ل", ""), ("قال", "")]


@pytest.mark.parametrize(
    ("between", "sign"),
    [(" ", ""), (" «", ""), (") ", ""), (" - ", ""), ("، ", ","), (", ", ","), (": ", ":"), (" / ", "/"), ("؟!", "?!")],
)
def test_a_sign_is_what_stands_between_words_but_spaces_quotes_brackets_and_dashes(between: str, sign: str) -> None:
    assert tokenize(f"قوات{between}الحزب")[1].sign == sign


def test_a_token_has_the_marks_of_each_letter() -> None:
    [token] = tokenize("سلَّم")
    assert token.marks == ("", "\u064e\u0651", "")
    assert tokenize("سلم")[0].marks == ()


@given(st.text() | st.text(alphabet="لـ«قسد»الو17 كمAb'’.@_#،\u064b\u200f\n", max_size=60))
def test_tokens_stand_in_order_in_the_text(text: str) -> None:
    tokens = tokenize(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(one.end <= other.start or one.start <= other.start for one, other in itertools.pairwise(tokens))
    assert all(len(token.marks) in {0, len(token.spelt)} for token in tokens)
    assert all(token.key and token.script in Script for token in tokens)
