from dataclasses import replace

import pytest

from monitor.ingest.boilerplate import Boilerplate, cut, learn
from monitor.ingest.identity import Item

BODIES = [
    "أعلنت البلدية بدء أعمال الصيانة في الجسر القديم.",
    "قال وزير الزراعة إن الموسم جيد هذا العام.",
    "وصل الوفد إلى العاصمة مساء أمس لبحث التعاون.",
    "أغلقت الشرطة الطريق الساحلي بعد حادث سير.",
    "فاز الفريق المضيف بهدفين في الدقائق الأخيرة.",
    "حذرت الأرصاد من رياح قوية على المرتفعات.",
]


def items(title: str = "{}", text: str = "{}") -> list[Item]:
    made = []
    for number, body in enumerate(BODIES):
        headline = f"عنوان الخبر رقم {number}"
        body_text = text.format(body, title=title.format(headline))
        made.append(Item.of(key=f"{number}", title=title.format(headline), text=body_text))
    return made


def cut_all(made: list[Item], known: Boilerplate | None = None) -> list[Item]:
    learnt = learn(made, known or Boilerplate())
    return [cut(item, learnt) for item in made]


@pytest.mark.parametrize("title", ["{} - وكالة الساحل", "{} | وكالة الساحل", "{} – Coast Agency", "{} :: Coast"])
def test_the_name_of_the_site_behind_each_headline_is_cut(title: str) -> None:
    assert [item.title for item in cut_all(items(title=title))] == [item.title for item in items()]


@pytest.mark.parametrize(
    "text",
    [
        "{}\n\nتابعونا على قناة الوكالة.",
        "{} اقرأ المزيد",
        "{}\n\nThe post {title} appeared first on Coast Agency.",
        "{}\n\nجميع الحقوق محفوظة لوكالة الساحل\n\nتابعونا هنا",
    ],
)
def test_a_footer_under_each_text_is_cut(text: str) -> None:
    assert [item.text for item in cut_all(items(text=text))] == BODIES


@pytest.mark.parametrize(
    "made",
    [
        items(),
        items(title="سوريا - {}"),
        items(text="دمشق (وكالة الساحل) - {}"),
        items(text="{} (رويترز)"),
        items(title="{} - وكالة الساحل")[:4],
        [replace(item, text="تابعونا على قناة الوكالة.") for item in items()],
    ],
    ids=["nothing", "beginnings of headlines", "datelines", "one word", "four items", "nothing but the footer"],
)
def test_what_may_mean_something_stays(made: list[Item]) -> None:
    assert cut_all(made) == made


def test_the_end_of_a_sentence_that_all_share_is_the_articles_own() -> None:
    made = [replace(item, text=f"{item.text[:-1]} في سوريا.\n\nاقرأ المزيد") for item in items()]
    assert [item.text for item in cut_all(made)] == [f"{body[:-1]} في سوريا." for body in BODIES]


def test_one_item_without_it_stays_whole_and_the_others_are_cut() -> None:
    made = items(title="{} - وكالة الساحل")
    made[2] = replace(made[2], title="عنوان - آخر")
    assert [item.title for item in cut_all(made)][1:4] == ["عنوان الخبر رقم 1", "عنوان - آخر", "عنوان الخبر رقم 3"]


def test_what_was_learnt_holds_for_a_single_item_later() -> None:
    learnt = learn(items(title="{} - وكالة الساحل", text="{}\n\nاقرأ المزيد"), Boilerplate())
    (one,) = items(title="{} - وكالة الساحل", text="{}\n\nاقرأ المزيد")[:1]
    assert learn([one], learnt) == learnt
    assert cut(one, learnt).title == "عنوان الخبر رقم 0"
    assert cut(one, learnt).text == BODIES[0]


def test_the_hash_of_the_entry_stays_when_words_are_cut() -> None:
    (one, *_) = items(title="{} - وكالة الساحل")
    learnt = learn(items(title="{} - وكالة الساحل"), Boilerplate())
    assert cut(one, learnt).entry == one.entry
    assert cut(one, learnt).content_hash != one.content_hash
