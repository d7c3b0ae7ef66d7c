"""Explanations, expansions and what a backtest came to, on a terminal; some also as a page and for programs (JSON).

Hides the marks, the isolates and the page. Text from outside is cleaned and escaped. Explains nothing itself.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from monitor.matching.explaining import LINES
from monitor.notify.display import clean, cut, direction, isolate
from monitor.text.sentences import paragraphs
from monitor.watchlists.backtesting import NEWEST, when_matched

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.matching.expanding import Counts, Expansion, Found, Reading
    from monitor.matching.explaining import Explanation, Miss, Removed, Seen
    from monitor.model import Article, Evidence, Match
    from monitor.watchlists.backtesting import Comparison, Summary

_YES, _NO = "✓", "✗"
_MOST: Final = 6
"""Mentions of a clause that are shown."""

_LONGEST: Final = 100
"""Characters of a headline in a table."""

_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_HUES: Final = 6
"""Colours of marks on a page; then they begin again."""

_QUOTED: Final = re.compile("«([^«»]*)»")


# --- An explanation on a terminal ------------------------------------------------------------------------------------


def explained(explanation: Explanation, article: Article, styles: Mapping[str, str]) -> Iterator[str]:
    """Give an explanation line by line.

    ``styles`` has the codes for bold, dim and end, and what stands around words that count (mark, unmark) and that
    nearly do (missed, unmissed).
    """
    numbers = _numbers(explanation.seen)
    name = isolate(clean(explanation.watchlist.header.name))
    yield f"{styles['bold']}{name}: {_verdict(explanation)}{styles['end']}"
    yield _decided(explanation)
    yield from (f"! {isolate(clean(remark))}" for remark in (*explanation.barred, *explanation.remarks))
    yield ""
    yield from _tree(explanation, explanation.seen, numbers, 0)
    if explanation.misses:
        yield ""
        yield "nearest:"
        yield from (f"  {_miss(explanation, miss)}" for miss in explanation.misses)
    blocks = _blocks(article, _spans(explanation, numbers))
    if blocks:
        yield ""
    for where, pieces in blocks:
        text = "".join(_styled(pieces, styles)).strip()
        yield f"{styles['dim']}{where}:{styles['end']} {isolate(text)}"


def verdict(explanation: Explanation) -> str:
    """Say in one line whether it matches and, if not, which rule decided that and what came nearest."""
    said = f"{isolate(clean(explanation.watchlist.header.name))}: {_verdict(explanation)}"
    if explanation.match:
        return said
    barred = "; ".join(isolate(clean(one)) for one in explanation.barred) or _decided(explanation)
    nearest = f"; nearest: {_miss(explanation, explanation.misses[0])}" if explanation.misses else ""
    return f"{said}; {barred}{nearest}"


def _verdict(explanation: Explanation) -> str:
    if explanation.match:
        return f"matches, score {explanation.match.score}"
    return "is not looked at, though its words are there" if explanation.seen.holds else "does not match"


def _decided(explanation: Explanation) -> str:
    if explanation.barred:
        return "decided before its words were looked at:"
    return f"decided by line {explanation.line}: {LINES[explanation.line]}"


def _tree(explanation: Explanation, seen: Seen, numbers: Mapping[int, int], depth: int) -> Iterator[str]:
    indent = "  " * depth
    sign = f" {_circled(numbers[id(seen)])}" if id(seen) in numbers else ""
    notes = f"  ({_aside(_notes(seen))})" if _notes(seen) else ""
    yield f"{indent}{_YES if seen.holds else _NO}{sign} {isolate(clean(seen.label))}{notes}"
    if seen.closest:
        yield f"{indent}    closest: «{isolate(clean(seen.closest.text))}»  {_place(explanation, seen.closest)}"
    if not seen.parts:
        yield from (f"{indent}    {_sighting(explanation, one)}" for one in seen.saw[:_MOST])
        if len(seen.saw) > _MOST:
            yield f"{indent}    … and {len(seen.saw) - _MOST} more"
        yield from (f"{indent}    {_removal(explanation, one)}" for one in seen.removed[:_MOST])
    for part in seen.parts:
        yield from _tree(explanation, part, numbers, depth + 1)


def _notes(seen: Seen) -> str:
    return "; ".join(dict.fromkeys(one for one in (seen.tally, seen.note) if one))


def _sighting(explanation: Explanation, one: Evidence) -> str:
    of = f" of «{isolate(clean(_terms(one)))}»" if _terms(one) != one.text else ""
    return f"«{isolate(clean(one.text))}»  {_how(explanation, one)}{of}, {_place(explanation, one)}"


def _how(explanation: Explanation, one: Evidence) -> str:
    rules = explanation.rules(one)
    return f"{one.how} ({', '.join(rules)})" if rules else str(one.how)


def _terms(one: Evidence) -> str:
    return " + ".join(dict.fromkeys(mention.term for mention in one.mentions))


def _removal(explanation: Explanation, one: Removed) -> str:
    said = f"taken away by the exception «{isolate(clean(one.term))}»"
    return f"{_NO} «{isolate(clean(one.mention.text))}»  {said}, {_place(explanation, one.mention)}"


def _miss(explanation: Explanation, miss: Miss) -> str:
    place = _place(explanation, miss)
    return f"«{isolate(clean(miss.text))}»  {_aside(miss.why)} (line {miss.line}), {place}"


def _aside(words: str) -> str:
    """Write our own words, which run from left to right, whatever they quote."""
    return _QUOTED.sub(lambda quoted: f"«{isolate(quoted[1])}»", clean(words))


def _place(explanation: Explanation, one: Evidence | Miss) -> str:
    place = explanation.place(one.field, one.start)
    return "title" if place.field == "title" else f"paragraph {place.paragraph}, sentence {place.sentence}"


def _circled(number: int) -> str:
    return _CIRCLED[number - 1] if number <= len(_CIRCLED) else f"({number})"


def _styled(pieces: Iterable[_Piece], styles: Mapping[str, str]) -> Iterator[str]:
    for piece in pieces:
        if piece.numbers:
            yield f"{styles['mark']}{clean(piece.text)}{styles['unmark']}{''.join(map(_circled, piece.numbers))}"
        elif piece.why:
            yield f"{styles['missed']}{clean(piece.text)}{styles['unmissed']}{_NO}"
        else:
            yield clean(piece.text)


# --- Marked text -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Span:
    """A place in the article that the set ``number`` saw; 0: that nearly counted, and ``why`` it does not."""

    field: str
    start: int
    end: int
    number: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some text in a row, the sets that saw it, and why it does not count if they did not."""

    text: str
    numbers: tuple[int, ...] = ()
    why: str = ""


_Block = tuple[str, list[_Piece]]


def _numbers(seen: Seen) -> dict[int, int]:
    """Number the sets that saw something, in the order of the tree, by their identity."""
    leaves = [one for one in _walk(seen) if one.saw and not one.parts]
    return {id(one): number for number, one in enumerate(leaves, start=1)}


def _walk(seen: Seen) -> Iterator[Seen]:
    yield seen
    for part in seen.parts:
        yield from _walk(part)


def _spans(explanation: Explanation, numbers: Mapping[int, int]) -> list[_Span]:
    """List the places to mark: what counts, and where nothing of it stands, what nearly does."""
    counting = [
        _Span(one.field, mention.start, mention.end, numbers[id(seen)])
        for seen in _walk(explanation.seen)
        if id(seen) in numbers
        for one in seen.saw
        for mention in one.mentions
    ]
    removed = (
        _Span(one.mention.field, one.mention.start, one.mention.end, 0, f"taken away by the exception «{one.term}»")
        for seen in _walk(explanation.seen)
        for one in seen.removed
    )
    missed = (_Span(one.field, one.start, one.end, 0, one.why) for one in explanation.misses)
    free = (one for one in (*removed, *missed) if not any(_overlap(one, other) for other in counting))
    return [*counting, *free]


def _overlap(one: _Span, other: _Span) -> bool:
    return one.field == other.field and one.start < other.end and other.start < one.end


def _blocks(article: Article, spans: Sequence[_Span], *, everything: bool = False) -> list[_Block]:
    """Cut the article into its title and paragraphs, those with a mark alone unless ``everything`` is wanted."""
    title = article.header.title if article.header.titled else ""
    blocks = [("title", "title", title, (0, len(title)))] if title else []
    units = enumerate(paragraphs(article.text), start=1)
    blocks += [("text", f"paragraph {number}", article.text, unit) for number, unit in units]
    found = []
    for field, where, text, (begin, end) in blocks:
        inside = [one for one in spans if one.field == field and begin <= one.start < end]
        if inside or everything:
            found.append((where, list(_pieces(text, begin, end, inside))))
    return found


def _pieces(text: str, begin: int, end: int, spans: Sequence[_Span]) -> Iterator[_Piece]:
    """Cut text where marks begin and end; marks that touch the same words become one."""
    at = begin
    for group in _grouped(sorted(spans, key=lambda one: (one.start, one.end))):
        start, stop = group[0].start, min(max(one.end for one in group), end)
        if start > at:
            yield _Piece(text[at:start])
        numbers = tuple(sorted({one.number for one in group if one.number}))
        yield _Piece(text[start:stop], numbers, "" if numbers else group[0].why)
        at = stop
    if at < end:
        yield _Piece(text[at:end])


def _grouped(spans: Iterable[_Span]) -> Iterator[list[_Span]]:
    group: list[_Span] = []
    for one in spans:
        if group and one.start >= max(each.end for each in group):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


# --- A page ----------------------------------------------------------------------------------------------------------

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --ground: #fff; --yes: #1a7f37;
  --no: #c1121f; --h1: #ffe58a; --h2: #b6e3ff; --h3: #c8f0c0; --h4: #ffd0e5; --h5: #e3d5ff; --h6: #ffd8b0 }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6edf3; --soft: #9198a1; --line: #30363d; --ground: #0d1117;
  --yes: #56d364; --no: #ff7b72; --h1: #6b5500; --h2: #0a4a73; --h3: #1d5a26; --h4: #702a4e; --h5: #4b3a80;
  --h6: #6e3d0c }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0 auto; padding: 16px; max-width: 46rem; background: var(--ground); color: var(--ink);
  font: 16px/1.65 system-ui, "Noto Naskh Arabic", "Noto Sans Arabic", sans-serif; overflow-wrap: anywhere }}
h1 {{ font-size: 1.3rem; line-height: 1.3; margin: 0 }}
h2 {{ font-size: .85rem; font-weight: 600; color: var(--soft); margin: 1.4rem 0 .2rem }}
p {{ margin: .3rem 0 }}
ul {{ list-style: none; margin: 0; padding: 0 }}
ul ul {{ padding-inline-start: .9rem; border-inline-start: 1px solid var(--line) }}
li {{ margin: .25rem 0 }}
.yes {{ color: var(--yes) }} .no {{ color: var(--no) }} .soft {{ color: var(--soft); font-size: .88rem }}
mark {{ color: inherit; background: var(--h1); border-radius: 3px; padding: 0 2px }}
mark sup {{ font-size: .65em; line-height: 0; color: var(--soft) }}
.h2 {{ background: var(--h2) }} .h3 {{ background: var(--h3) }} .h4 {{ background: var(--h4) }}
.h5 {{ background: var(--h5) }} .h6 {{ background: var(--h6) }}
mark.miss {{ background: none; border-bottom: 2px dotted var(--no); border-radius: 0 }}
article {{ border-top: 1px solid var(--line); margin-top: 1.4rem; font-size: 1.06rem }}
</style>
</head>
<body>
<h1 dir="auto">{title}</h1>
<p><strong class="{state}">{sign} {verdict}</strong></p>
<p class="soft">{decided}</p>
{remarks}
<h2>What each part saw</h2>
<ul>{tree}</ul>
{nearest}
<article>
{text}
</article>
</body>
</html>
"""


def page(explanation: Explanation, article: Article) -> bytes:
    """Write an explanation as one HTML file that needs nothing else and runs nothing."""
    numbers = _numbers(explanation.seen)
    remarks = "".join(f"<li>! {_bdi(one)}</li>" for one in (*explanation.barred, *explanation.remarks))
    nearest = "".join(f"<li>{_page_miss(explanation, miss)}</li>" for miss in explanation.misses)
    blocks = _blocks(article, _spans(explanation, numbers), everything=True)
    return _PAGE.format(
        title=_html(explanation.watchlist.header.name),
        state="yes" if explanation.match else "no",
        sign=_YES if explanation.match else _NO,
        verdict=_html(_verdict(explanation)),
        decided=_html(_decided(explanation)),
        remarks=f"<ul>{remarks}</ul>" if remarks else "",
        tree=_branch(explanation, explanation.seen, numbers),
        nearest=f"<h2>What came nearest</h2>\n<ul>{nearest}</ul>" if nearest else "",
        text="\n".join(_page_block(where, pieces) for where, pieces in blocks),
    ).encode("utf-8", "replace")


def _branch(explanation: Explanation, seen: Seen, numbers: Mapping[int, int]) -> str:
    state, sign = ("yes", _YES) if seen.holds else ("no", _NO)
    number = numbers.get(id(seen))
    chip = f"{_mark(str(number), (number,), signed=False)} " if number else ""
    below = []
    if seen.closest:
        below.append(f"closest: {_bdi(seen.closest.text)}{_soft(_place(explanation, seen.closest))}")
    if number:
        below += [_page_sighting(explanation, one, number) for one in seen.saw[:_MOST]]
        below += [_soft(f"… and {len(seen.saw) - _MOST} more")] if len(seen.saw) > _MOST else []
    below += [_page_removal(explanation, one) for one in seen.removed[:_MOST]]
    items = [f"<li>{one}</li>" for one in below] + [_branch(explanation, part, numbers) for part in seen.parts]
    notes = f' <span class="soft">({_page_aside(_notes(seen))})</span>' if _notes(seen) else ""
    inner = f"<ul>{''.join(items)}</ul>" if items else ""
    return f'<li><span class="{state}">{sign}</span> {chip}{_bdi(seen.label)}{notes}{inner}</li>'


def _page_sighting(explanation: Explanation, one: Evidence, number: int) -> str:
    of = f" of {_bdi(_terms(one))}" if _terms(one) != one.text else ""
    return f"{_mark(one.text, (number,))} {_how(explanation, one)}{of}{_soft(_place(explanation, one))}"


def _page_removal(explanation: Explanation, one: Removed) -> str:
    said = f"taken away by the exception {_bdi(one.term)}"
    return f'<mark class="miss">{_bdi(one.mention.text)}</mark> {said}{_soft(_place(explanation, one.mention))}'


def _page_miss(explanation: Explanation, miss: Miss) -> str:
    place = _soft(f"line {miss.line}, {_place(explanation, miss)}")
    return f'<mark class="miss">{_bdi(miss.text)}</mark> {_page_aside(miss.why)}{place}'


def _page_aside(words: str) -> str:
    return _QUOTED.sub(r"«<bdi>\1</bdi>»", _html(words))


def _page_block(where: str, pieces: Sequence[_Piece]) -> str:
    way = direction("".join(piece.text for piece in pieces))
    return f'<h2>{where}</h2>\n<p dir="{way}">{"".join(map(_page_piece, pieces))}</p>'


def _page_piece(piece: _Piece) -> str:
    if piece.numbers:
        return _mark(piece.text, piece.numbers)
    if piece.why:
        return f'<mark class="miss" title="{_html(piece.why)}">{_html(piece.text)}</mark>'
    return _html(piece.text)


def _mark(text: str, numbers: Sequence[int], *, signed: bool = True) -> str:
    sign = f"<sup>{' '.join(map(str, numbers))}</sup>" if signed else ""
    return f'<mark class="h{(numbers[0] - 1) % _HUES + 1}">{_bdi(text)}{sign}</mark>'


def _soft(text: str) -> str:
    return f' <span class="soft">{_html(text)}</span>'


def _bdi(text: str) -> str:
    return f"<bdi>{_html(text)}</bdi>"


def _html(text: str) -> str:
    return escape(clean(text))


# --- An explanation as JSON ------------------------------------------------------------------------------------------


def record(explanation: Explanation) -> dict[str, Any]:
    """Describe an explanation for programs."""
    match, header = explanation.match, explanation.watchlist.header
    return {
        "watchlist": header.id,
        "name": header.name,
        "match": match is not None,
        "score": match.score if match else None,
        "line": None if explanation.barred else explanation.line,
        "barred": explanation.barred,
        "remarks": explanation.remarks,
        "evidence": match.evidence if match else (),
        "seen": _node(explanation, explanation.seen),
        "nearest": [_placed(explanation, miss) for miss in explanation.misses],
    }


def _node(explanation: Explanation, seen: Seen) -> dict[str, Any]:
    return {
        "label": seen.label,
        "holds": seen.holds,
        "line": seen.line,
        "note": seen.note,
        "tally": seen.tally,
        "saw": [_placed(explanation, one) for one in seen.saw],
        "removed": [{**_placed(explanation, one.mention), "exception": one.term, "by": one.by} for one in seen.removed],
        "closest": _placed(explanation, seen.closest) if seen.closest else None,
        "nearest": [_placed(explanation, miss) for miss in seen.misses],
        "parts": [_node(explanation, part) for part in seen.parts],
    }


def _placed(explanation: Explanation, one: Evidence | Miss) -> dict[str, Any]:
    place = explanation.place(one.field, one.start)
    return {**asdict(one), "paragraph": place.paragraph, "sentence": place.sentence}


# --- Expansions ------------------------------------------------------------------------------------------------------

_WEAK, _BOUND, _RARE = "°", "ـ", "*"
_WRITTEN: Final = 25
"""Ways of writing a term that are counted out."""


def expanded(expansion: Expansion, counts: Counts | None) -> Iterator[str]:
    """Give an expansion line by line; without ``counts`` nothing was there to count in."""
    yield f"{isolate(clean(expansion.term))}  ({expansion.kind})"
    for place, word in enumerate(expansion.words):
        yield from _word(word, counts.forms[place] if counts else None)
    if expansion.spellings:
        yield f"  also spaced: {isolate(clean(' | '.join(expansion.spellings)))}"
    found = [form for word in expansion.words for form in word.forms]
    if any(form.weak for form in found):
        yield f"  {_WEAK} also another word: counts in a phrase or a near only"
    if any(form.bound for form in found):
        yield f"  {_BOUND} with a pronoun behind it only"
    if any(map(_is_rare, found)):
        yield f"  {_RARE} hardly ever written"
    yield ""
    yield from _counted(counts)


def _word(word: Reading, counts: Counter[str] | None) -> Iterator[str]:
    number = f"; forms: {len(word.forms)}" if word.forms else ""
    yield f"  {isolate(clean(word.spelt))}: {word.taken_for}; {_aside(word.around)}{number}"
    for (rule, verb), forms in groupby(word.forms, key=lambda form: (form.rule, form.verb)):
        group = list(forms)
        how = "" if group[0].how == "exact" else f", {group[0].how}"
        yield f"    {rule}{f' of form {verb}' if verb else ''}{how}: {_listed(group, counts)}"
    if word.varies:
        more = f": {isolate('، '.join(word.variants))} …" if word.variants else ""
        yield f"    other spellings count{more}"
    for why, unfound in groupby(word.unfound, key=lambda one: one.why):
        yield f"    not found: {isolate('، '.join(one.spelt for one in unfound))} ({_aside(why)})"


def _listed(forms: Iterable[Found], counts: Counter[str] | None) -> str:
    said = (
        f"{form.spelt}{_BOUND * form.bound}{_WEAK * form.weak}{_RARE * _is_rare(form)}"
        f"{f' ×{counts[form.spelt]}' if counts and counts[form.spelt] else ''}"
        for form in forms
    )
    return isolate("، ".join(said))


def _is_rare(form: Found) -> bool:
    """Tell of a form that stands without a pronoun, and yet is in no table of words."""
    return not form.bound and not form.per_million and form.spelt[:1] >= "\u0600"


def _counted(counts: Counts | None) -> Iterator[str]:
    if counts is None:
        yield "no counts yet: the archive holds no article (--articles counts in a file or a folder)"
        return
    yield f"articles: {counts.articles}, mentions: {counts.mentions}"
    commonest = counts.written.most_common(_WRITTEN)
    yield from (f"  {number:>6}  {isolate(clean(text))}" for text, number in commonest)
    if len(counts.written) > len(commonest):
        yield f"  … and {len(counts.written) - len(commonest)} more ways to write it"


def expansion_record(expansion: Expansion, counts: Counts | None) -> dict[str, Any]:
    """Describe an expansion for programs; ``count`` and ``written`` are null where nothing was there to count in."""
    words = [
        {
            **asdict(word),
            "forms": [
                {**asdict(form), "count": counts.forms[place][form.spelt] if counts else None} for form in word.forms
            ],
        }
        for place, word in enumerate(expansion.words)
    ]
    return {
        **asdict(expansion),
        "words": words,
        "articles": counts.articles if counts else 0,
        "written": dict(counts.written.most_common()) if counts else None,
    }


# --- What a backtest came to -----------------------------------------------------------------------------------------


def summary_lines(summary: Summary, watchlists: Iterable[str]) -> Iterator[str]:
    """Give a table of the watchlists, most articles first, each with its newest headlines.

    Each story is an alert, of which there are so many ``a day``; ``likely`` are those of the articles that a spelling
    variant only has found.
    """
    yield f"{'articles':>8}  {'stories':>7}  {'a day':>6}  {'likely':>6}  watchlist"
    for name in sorted(watchlists, key=lambda name: (-len(summary.tallies[name].articles), name)):
        tally = summary.tallies[name]
        articles, stories = len(tally.articles), len(tally.stories)
        yield f"{articles:>8}  {stories:>7}  {stories / summary.days:>6.1f}  {tally.likely:>6}  {name}"
        for match in tally.newest:
            yield f"{'':35}{when_matched(match):%Y-%m-%d}  {_found_in(match)}"


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Say what a change does: for each changed watchlist what it gains (+) and loses (-)."""
    for what, names in (("added", comparison.added), ("removed", comparison.removed), ("changed", comparison.changed)):
        for name in names:
            difference = comparison.differences[name]
            gained, lost = difference.gained, difference.lost
            counts = f"{len(gained.articles)} gained, {len(lost.articles)} lost, {difference.kept} as before"
            yield f"{name} ({what}): {counts}"
            for sign, tally in (("+", gained), ("-", lost)):
                yield from (f"  {sign} {_found_in(match)}" for match in tally.newest)
                if len(tally.articles) > NEWEST:
                    yield f"  {sign} … and {len(tally.articles) - NEWEST} more (--json has all)"
    yield f"watchlists that did not change: {len(comparison.unchanged)}"


def _found_in(match: Match) -> str:
    """Give a match's headline and the words that were found, each as a unit of its own direction."""
    words = " + ".join(f"«{isolate(clean(one.text))}»" for one in match.evidence)
    return f"{isolate(cut(clean(match.article.title), _LONGEST))}  {words}"
