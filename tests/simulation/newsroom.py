"""Invented news: headlines of a usual length that are all distinct, and texts that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

_WHO: Final = (
    *("بلدية الساحل", "مجلس المدينة", "وزارة الزراعة", "هيئة الطرق", "مديرية الصحة", "اتحاد المزارعين"),
    *("غرفة التجارة", "إدارة الموانئ", "نقابة المعلمين", "شركة الكهرباء", "مؤسسة المياه", "جامعة الوادي"),
    *("الدفاع المدني", "مركز الأرصاد", "لجنة المصالحة", "جمعية الصيادين", "شرطة المرور", "المصرف المركزي"),
)
_DOES: Final = (
    *(
        "تعلن",
        "تؤجل",
        "تبحث",
        "تفتتح",
        "تراجع",
        "تستأنف",
        "تدرس",
        "توسع",
        "تنهي",
        "تنتقد",
        "تمول",
        "توقف",
        "تعيد",
        "تحدد",
    ),
)
_WHAT: Final = (
    *("مشروع مياه الشرب", "صيانة الجسر القديم", "موسم حصاد القمح", "خطة النقل العام", "معرض الكتاب السنوي"),
    *("توزيع بذور الخريف", "ترميم السوق المسقوف", "رسوم دخول الشاحنات", "عقود محطة التحلية", "فحوص المدارس الابتدائية"),
    *("بناء المستشفى الجديد", "تنظيف مجرى النهر", "قروض أصحاب الورش", "بطولة كرة اليد", "أسعار زيت الزيتون"),
    *(
        "تشجير المنحدرات الشمالية",
        "رحلات العبارة البحرية",
        "تعداد السكان المقبل",
        "تدريب فرق الإسعاف",
        "ضريبة المحال الصغيرة",
    ),
)
_WHERE: Final = (
    *("حي النهضة", "ريف الجبل", "ميناء الصخرة", "سهل الغدير", "ضاحية الورد", "قرية العين", "منطقة الجسور"),
    *("مدينة المنارة", "وادي اللوز", "جزيرة المرجان", "بلدة الزيتون", "محافظة التلال", "واحة النخيل", "مرفأ الشروق"),
)
_HOW: Final = (
    *("بعد أشهر من التأخير", "رغم ضعف التمويل", "قبل حلول الشتاء", "بطلب من الأهالي", "وسط ترحيب التجار"),
    *("عقب اجتماع مطول", "للمرة الثانية هذا العام", "بمشاركة متطوعين", "حتى إشعار آخر", "وفق جدول معدل"),
)
_MARK: Final = "\u064e"
SITE: Final = "وكالة الساحل"
FOOTER: Final = "تابعوا أخبار وكالة الساحل على قناتها وشاركوا الصفحة"
TEMPLATE: Final = "يقدم موقع الساحل هذه المادة"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A true article: ``words`` are its versions with the moment of each, ``born`` when it came into the list."""

    number: int
    born: datetime
    words: tuple[tuple[datetime, str, str], ...]

    def version(self, now: datetime) -> int:
        """Tell which version stands at this moment."""
        return max(sum(since <= now for since, _, _ in self.words) - 1, 0)


class Newsroom:
    """Writes stories, no two with the same headline unless it is a brief."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._used: set[str] = set()
        self._number = 0

    def story(self, born: datetime, title: str | None = None) -> Story:
        """Write a story; one that is given a ``title`` is one of a series."""
        self._number += 1
        return Story(number=self._number, born=born, words=((born, title or self._headline(), self._text()),))

    def text(self) -> str:
        """Write a text like no other."""
        self._number += 1
        return self._text()

    def _headline(self) -> str:
        while True:
            who, does, what, where, how = (self._chance.choice(part) for part in (_WHO, _DOES, _WHAT, _WHERE, _HOW))
            title = f"{who} {does} {what} في {where} {how}"
            if title not in self._used:
                self._used.add(title)
                return title

    def _text(self) -> str:
        who, what, where = (self._chance.choice(part) for part in (_WHO, _WHAT, _WHERE))
        return (
            f"قال متحدث باسم {who} إن القرار رقم {self._number} يشمل {self._chance.randrange(20, 900)} أسرة. "
            f"وأضاف أن {what} يبقى على حاله، وأن أهالي {where} سيبلغون قبل {self._chance.randrange(3, 60)} يوما."
        )


def with_marks(text: str) -> str:
    """Write it with vowel marks and wider spaces, which change no word."""
    return "  ".join(f"{word[:1]}{_MARK}{word[1:]}" for word in text.split())
