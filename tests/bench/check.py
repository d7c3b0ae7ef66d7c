"""How long `check` takes over a thousand watchlists, by phase: `python -m tests.bench.check [WATCHLISTS]`.

The watchlists are made here: a dozen subjects in Arabic and English, joined as analysts join them, each with examples
that hold. Everything is measured once, cold, as the command meets it.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from itertools import chain, cycle, islice, product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = """
طرطوس حمص حلب درعا القنيطرة اللاذقية تدمر الرقة الحسكة القامشلي إدلب السويداء دير الزور بانياس جبلة
منبج عفرين الباب الموصل كركوك بغداد البصرة أربيل صور صيدا النبطية بعلبك الهرمل عدن صنعاء الحديدة تعز
خيرسون أوديسا خاركيف سومي
"""
THINGS = """
ميناء مطار معبر سد حقل مصفاة محطة مستودع قاعدة جسر مخيم سجن مشفى مدرسة سوق طريق خط أنبوب برج ثكنة
مقر مصنع
"""
EVENTS = (
    ("قصف", "أعلنت الوزارة قصف {0} فجر اليوم"),
    ("إغلاق", "قررت السلطات إغلاق {0} حتى إشعار آخر"),
    ("تسليم", "بدأت اللجنة تسليم {0} إلى الجيش"),
    ("انسحاب", "شهد الأسبوع انسحاب القوات من {0} بعد اتفاق"),
    ("هجوم", "أصيب ثلاثة في هجوم على {0} مساء أمس"),
    ("تفجير", "قال شهود إن تفجير {0} وقع عند الظهر"),
    ("افتتاح", "حضر المحافظ افتتاح {0} بعد ترميمه"),
    ("اعتقال", "أسفر اعتقال حراس {0} عن احتجاج"),
)
QUIET = ("انطلق مهرجان الزيتون في القرية", "توقعت الأرصاد أمطارا غزيرة", "Prices of olive oil rose again this week")


def watchlists(count: int) -> Iterator[str]:
    """Write a file of so many watchlists, in lines."""
    yield "version: 1\nconcepts:"
    for number, (event, _) in enumerate(EVENTS):
        yield f"  event_{number}:\n    any:\n      - {event}\n      - {event} جزئي\n    except:\n      - {event} وهمي"
    yield "watchlists:"
    subjects = islice(cycle(product(THINGS.split(), PLACES.split())), count)
    for number, ((thing, place), (event, sentence)) in enumerate(zip(subjects, cycle(EVENTS), strict=False)):
        where = f"{thing} {place}"
        yield f"""\
  - id: list-{number}
    name: {event} {where} {number}
    severity: {("low", "medium", "high")[number % 3]}
    owner: desk-{number % 7}
    labels: {{desk: levant, shift: "{number % 3}"}}
    match:
      near:
        - any:
            - {where}                # as written
            - {thing} مدينة {place}
            - name: {place}
        - $event_{EVENTS.index((event, sentence))}
      within: 12
    examples:
      alert:
        - {sentence.format(where)}
        - {sentence.format(f"{thing} مدينة {place}")}
      quiet:
        - {QUIET[number % 3]}
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    begun = perf_counter()
    from monitor.documents import load_document
    from monitor.matching import compile_watchlists, matches_itself
    from monitor.watchlists.examples import try_examples
    from monitor.watchlists.linting import check_watchlists
    from monitor.watchlists.loading import load_watchlists
    from monitor.watchlists.traps import find_traps

    def tell(phase: str) -> None:
        nonlocal begun
        print(f"{phase:28} {perf_counter() - begun:6.2f} s")
        begun = perf_counter()

    tell("import")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lists.yaml"
        file.write_text("\n".join(chain(watchlists(count), [""])), "utf-8")
        now = datetime.now(UTC)
        begun = perf_counter()
        problems = check_watchlists(file, with_notes=True)
        faults = [problem for problem in problems if problem.level != "note"]
        tell(f"check of {count}, cold")
        assert not faults, faults[0]
        print("of that, again and warm:")
        load_document(file)
        tell("  document")
        find_traps(file.read_text("utf-8"))
        tell("  traps")
        loaded = load_watchlists(file)
        tell("  load (with both)")
        terms = {term for _, term in loaded.terms}
        assert all(map(matches_itself, terms))
        tell(f"  {len(terms)} terms find themselves")
        compile_watchlists(loaded.watchlists)
        tell("  compile")
        examples = list(try_examples(loaded, now))
        tell(f"  {len(examples)} examples")


if __name__ == "__main__":
    main()
