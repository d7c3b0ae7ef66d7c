"""Families are symmetric: what a term finds finds the term, but for the exceptions that are said here."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.model import How
from monitor.text.families import family
from monitor.text.frequencies import uses
from monitor.text.lexicon import key, plurals

VERBAL_NOUNS = """
تسليم انسحاب تفجير اغتيال إعلان استقالة محاكمة مفاوضة حصار قتال تدريب إطلاق إغلاق احتجاز احتلال انفجار اشتباك
تصعيد تهديد تعاون تحالف تفاهم توتر تدخل تظاهر اعتقال إفراج إخلاء إنشاء إلغاء استيلاء استهداف استئناف إقالة
إدانة معاهدة مقاطعة مصادرة تصفية تسوية سيطرة إرسال إدخال إخراج إسقاط إيقاف إيفاد إنهاء إجراء إلقاء إعفاء
استخدام استقبال استعادة استجابة استقرار استيراد اجتماع احتجاج ارتفاع انتقال انخفاض انهيار اختيار احتلال امتداد
اتصال تنفيذ تمويل تصويت تأجيل تأييد تجنيد تعزيز تقدم تراجع تبادل تفاقم تصاعد تطور تعهد توقف تصدي تحدي تلقي
تفادي مشاركة مساعدة مواجهة مغادرة مهاجمة معالجة مراقبة مناقشة ملاحقة محاولة
"""
LISTED = frozenset(
    tuple(line.split())
    for line in (Path(__file__).parent / "data/matching/asymmetric.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)
"""Pairs (term, form) of which the form is more often another word, so that as a term it is that."""

SINGULARS = sorted({singular for rows in plurals().values() for singular, _ in rows})


def exceptions(term: str) -> list[str]:
    """List the forms of a term that do not find it, those left out that people hardly write or that are said below."""
    found = (form for form in family(term) if form.free and not form.weak and uses(form.key) and form.key != key(term))
    lasting = (
        form.spelt
        for form in found
        # An adjective does not find its noun: سوري is not of سور.
        if not (form.noun and form.how is How.DERIVED)
        # These endings are other words' far more often: my, the adjective's, a dual, an accusative, a feminine.
        and not (form.noun and form.spelt.endswith(("ي", "و", "ان", "ا")))
        and form.spelt != term + "ة"
        # A verb of three letters is weak, and so is its noun.
        and (form.noun or len(term) > 3)
    )
    return [spelt for spelt in lasting if key(term) not in {form.key for form in family(spelt)}]


@pytest.mark.parametrize("terms", [SINGULARS, VERBAL_NOUNS.split()], ids=["nouns", "verbal nouns"])
def test_what_a_term_finds_finds_the_term(terms: list[str]) -> None:
    assert not [(term, spelt) for term in terms for spelt in exceptions(term) if (term, spelt) not in LISTED]


def test_no_pair_is_listed_that_is_symmetric() -> None:
    assert not [pair for pair in LISTED if pair[1] not in exceptions(pair[0])]
