"""An explanation and an expansion as people read them: on a terminal, as a page, and as programs do (JSON).

Hides the marks, the isolates and the page. Text from outside is cleaned and escaped. Explains nothing itself.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any, Final

from monitor.matching.explaining import LINES
from monitor.notify.display import clean, isolate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.matching.expanding import Expansion
    from monitor.matching.explaining import Explanation, Miss, Seen
    from monitor.model import Article, Evidence

_YES, _NO = "✓", "✗"
_MOST: Final = 6
"""Mentions of a clause that are shown."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; padding: 16px; max-width: 46rem; font: 16px/1.6 system-ui, 'Noto Naskh Arabic', sans-serif;
  color: #1f2328; background: #fff }}
h1 {{ font-size: 1.3rem; margin: 0 0 .3rem }} mark {{ background: #ffe58a; border-radius: 3px }}
ul {{ list-style: none; padding-inline-start: 1.1rem; margin: .2rem 0 }}
.yes {{ color: #1a7f37 }} .no {{ color: #c1121f }}
.note, .where {{ color: #57606a; font-size: .9rem }} article {{ border-top: 1px solid #d0d7de; margin-top: 1rem }}
p {{ overflow-wrap: anywhere }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6edf3; background: #0d1117 }} mark {{ color: #1f2328 }}
  .note, .where {{ color: #9198a1 }} }}
</style>
</head>
<body>
<h1><bdi>{title}</bdi></h1>
<p><strong class="{verdict_class}">{verdict}</strong> <span class="note">{line}</span></p>
{tree}
<article>{text}</article>
</body>
</html>
"""


def explained(explanation: Explanation, article: Article, styles: Mapping[str, str]) -> Iterator[str]:
    """Give an explanation line by line; ``styles`` has the codes for bold, mark, unmark, end (empty: no colour)."""
    yield f"{styles['bold']}{isolate(clean(explanation.watchlist.header.name))}: {_verdict(explanation)}{styles['end']}"
    yield f"decided by line {explanation.line}: {LINES[explanation.line]}"
    yield from (f"! {isolate(clean(remark))}" for remark in (*explanation.barred, *explanation.remarks))
    yield ""
    yield from _tree(explanation.seen, 0)
    if not explanation.seen.holds and explanation.misses:
        yield ""
        yield "nearest:"
        yield from (f"  {_miss(miss)}" for miss in explanation.misses)
    yield ""
    for field, text, spans in _marked_fields(explanation.seen, article):
        pieces = "".join(
            f"{styles['mark']}{clean(piece)}{styles['unmark']}" if marked else clean(piece)
            for piece, marked in _pieces(text, spans)
        )
        yield f"{field}: {isolate(pieces.strip())}"


def _verdict(explanation: Explanation) -> str:
    if explanation.match:
        return f"matches, score {explanation.match.score}"
    return "is not looked at" if explanation.barred and explanation.seen.holds else "does not match"


def _tree(seen: Seen, depth: int) -> Iterator[str]:
    indent = "  " * depth
    note = f"  ({seen.note})" if seen.note else ""
    yield f"{indent}{_YES if seen.holds else _NO} {isolate(clean(seen.label))}{clean(note)}"
    for one in () if seen.parts else seen.saw[:_MOST]:
        yield f"{indent}    «{isolate(clean(one.text))}»  {one.how}, {one.field} {one.start}–{one.end}"
    if len(seen.saw) > _MOST and not seen.parts:
        yield f"{indent}    … and {len(seen.saw) - _MOST} more"
    for part in seen.parts:
        yield from _tree(part, depth + 1)


def _miss(miss: Miss) -> str:
    return f"«{isolate(clean(miss.text))}»  {isolate(clean(miss.why))} (line {miss.line})"


# --- Marked text -----------------------------------------------------------------------------------------------------

Span = tuple[int, int]


def _marked_fields(seen: Seen, article: Article) -> Iterator[tuple[str, str, list[Span]]]:
    """Give title and text, each with the spans of every mention that a clause saw."""
    found = list(_saw(seen))
    fields = [("title", article.header.title)] if article.header.titled else []
    for field, text in (*fields, ("text", article.text)):
        spans = {(span.start, span.end) for one in found if one.field == field for span in one.mentions or (one,)}
        yield field, text, sorted(spans)


def _saw(seen: Seen) -> Iterator[Evidence]:
    yield from seen.saw
    for part in seen.parts:
        yield from _saw(part)


def _pieces(text: str, spans: list[Span]) -> Iterator[tuple[str, bool]]:
    at = 0
    for start, end in spans:
        if end > at:
            yield text[at : max(start, at)], False
            yield text[max(start, at) : end], True
            at = end
    yield text[at:], False


# --- A page, and JSON ------------------------------------------------------------------------------------------------


def page(explanation: Explanation, article: Article) -> bytes:
    """Write an explanation as one HTML file that needs nothing else."""
    text = "".join(
        f'<p class="where">{field}</p>' + _paragraphs(text, spans)
        for field, text, spans in _marked_fields(explanation.seen, article)
    )
    remarks = "".join(f"<li>! <bdi>{_html(one)}</bdi></li>" for one in (*explanation.barred, *explanation.remarks))
    near = "".join(
        f'<li dir="ltr">«<bdi>{_html(miss.text)}</bdi>» '
        f'<span class="note">{_html(miss.why)} (line {miss.line})</span></li>'
        for miss in explanation.misses
    )
    nearest = f"<p>nearest:</p><ul>{near}</ul>" if near and not explanation.seen.holds else ""
    return _PAGE.format(
        title=_html(explanation.watchlist.header.name),
        verdict_class="yes" if explanation.match else "no",
        verdict=_html(_verdict(explanation)),
        line=f"line {explanation.line}: {_html(LINES[explanation.line])}",
        tree=f"<ul>{remarks}{_branch(explanation.seen)}</ul>{nearest}",
        text=text,
    ).encode("utf-8", "replace")


def _branch(seen: Seen) -> str:
    state, mark = ("yes", _YES) if seen.holds else ("no", _NO)
    note = f' <span class="note">({_html(seen.note)})</span>' if seen.note else ""
    saw = " ".join(
        f"<mark><bdi>{_html(one.text)}</bdi></mark> <span class='note'>{one.how}</span>" for one in seen.saw[:_MOST]
    )
    parts = f"<ul>{''.join(map(_branch, seen.parts))}</ul>" if seen.parts else ""
    return f'<li><span class="{state}">{mark}</span> <bdi>{_html(seen.label)}</bdi>{note} {saw}{parts}</li>'


def _paragraphs(text: str, spans: list[Span]) -> str:
    marked = "".join(
        f"<mark>{_html(piece, lines=True)}</mark>" if is_marked else _html(piece, lines=True)
        for piece, is_marked in _pieces(text, spans)
    )
    return "".join(f'<p dir="auto">{part}</p>' for part in marked.split("\n") if part.strip())


def _html(text: str, *, lines: bool = False) -> str:
    return escape("\n".join(map(clean, text.split("\n"))) if lines else clean(text))


def record(explanation: Explanation) -> dict[str, Any]:
    """Describe an explanation for programs."""
    match = explanation.match
    return {
        "watchlist": explanation.watchlist.header.id,
        "match": match is not None,
        "score": match.score if match else None,
        "line": explanation.line,
        "barred": explanation.barred,
        "remarks": explanation.remarks,
        "evidence": match.evidence if match else (),
        "seen": asdict(explanation.seen),
        "nearest": [asdict(miss) for miss in explanation.misses],
    }


# --- Expansions ------------------------------------------------------------------------------------------------------


def expanded(expansion: Expansion, written: Mapping[str, int], articles: int) -> Iterator[str]:
    """Give an expansion line by line; ``written`` are the forms that stand in ``articles`` articles, with counts."""
    yield f"{isolate(expansion.term)}  ({expansion.kind})"
    for word in expansion.words:
        varies = ", spelling variants count" if word.varies else ""
        yield f"  {isolate(word.spelt)}: {word.taken_for}{varies}, {len(word.forms)} forms"
        for how in dict.fromkeys(form.how for form in word.forms):
            forms = [
                f"{form.spelt}{' (beside other words only)' if form.weak else ''}"
                for form in word.forms
                if form.how is how
            ]
            yield f"    {how}: {isolate('، '.join(forms))}"
    if expansion.spellings:
        yield f"  also spaced: {isolate(' | '.join(expansion.spellings))}"
    if articles:
        yield f"  written in {articles} articles, {sum(written.values())} times:"
        yield from (f"    {number:>6}  {isolate(clean(text))}" for text, number in written.items())
