"""What a term finds: how each of its words is read, every form that is looked for and by which rule, and how common.

The forms are the engine's own (`terms`); the rule of each is told from its shape, for people, and decides nothing. What
is not found though people expect it, is told too. Pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from monitor.matching.engine import compile_watchlists
from monitor.matching.evaluating import read_article
from monitor.matching.expressions import Has, Kind, TermSet, Watchlist
from monitor.matching.terms import Article as Definite
from monitor.matching.terms import Reading as Taken
from monitor.matching.terms import Word, describe, read_term
from monitor.matching.vocabulary import Vocabulary
from monitor.model import How, WatchlistHeader
from monitor.text import latin
from monitor.text.arabic import SHADDA, cuts
from monitor.text.families import family
from monitor.text.frequencies import uses
from monitor.text.lexicon import gentilics, is_listed, key, plurals, singulars, verbs
from monitor.text.likeness import likeness
from monitor.text.names import distance
from monitor.text.nouns import decline, kin, lemmas, nisba
from monitor.text.tokens import Script, tokenize
from monitor.text.verbs import conjugate, stems, verbal_nouns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from monitor.matching.expressions import Term
    from monitor.model import Article
    from monitor.text.forms import Form
    from monitor.text.tokens import Token

MOST_SPELLINGS: Final = 12
"""Other spellings of a name that are shown; more count."""

MOST_UNFOUND: Final = 8
"""Words that are not found, but may be expected, that are shown of each kind."""

_LETTERS: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_LOOSE: Final = "اويه"
"""Letters that one spelling of a name has and another has not."""

_SUFFIXES: Final = ("s", "es", "ed", "ing", "er", "ers", "ion", "ions")
_ALIKE: Final = 0.7


class Rule(StrEnum):
    """How a form comes from its word, in words for people. The order is the one in which they are shown."""

    WRITTEN = "as written"
    SINGULAR = "singular"
    PLURAL = "plural"
    BROKEN = "broken plural"
    DUAL = "dual"
    FEMININE = "feminine"
    TANWIN = "accusative"
    CONSTRUCT = "before another noun or a pronoun"
    NISBA = "nisba"
    PEOPLE = "country and people"
    VERBAL_NOUN = "verbal noun"
    VERB = "verb"
    ENDING = "ending"
    SPELLING = "spelling"
    LISTED = "listed spelling"
    LETTER = "name of the letter"
    CASE = "case"


_LATIN_RULES: Final = {How.EXACT: Rule.WRITTEN, How.INFLECTED: Rule.ENDING}
_RANK: Final = {how: rank for rank, how in enumerate(How)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A form that is looked for: how sure a mention by it is, by which rule it comes.

    ``weak``: it counts in a phrase or near only. ``bound``: it needs a pronoun behind it (قاعدته). ``verb`` is the
    verb's form in Roman numbers, where it is known. ``per_million``: how often it comes in a million words, with ال and
    without, particles left out; 0.0 where that is too seldom to be in the word table.
    """

    spelt: str
    how: How
    rule: Rule
    weak: bool
    bound: bool
    verb: str = ""
    per_million: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfound:
    """A word that is not found though one may expect it, and why."""

    spelt: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One word of a term: what it is taken for, what may stand around it, and its forms without particles.

    ``varies``: spelling variants count, some of which are ``variants``, the likeliest first.
    """

    spelt: str
    taken_for: str
    around: str
    varies: bool
    forms: tuple[Found, ...]
    variants: tuple[str, ...] = ()
    unfound: tuple[Unfound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A term as the engine reads it; ``spellings`` are the other ways to space it."""

    term: str
    kind: Kind
    summary: str
    words: tuple[Reading, ...]
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a term stands in ``articles`` articles, as it is written there, and by form of each of its words."""

    articles: int
    written: Counter[str]
    forms: tuple[Counter[str], ...]

    @property
    def mentions(self) -> int:
        """Count the mentions."""
        return self.written.total()


def expand(term: Term) -> Expansion:
    """Tell how a term is read, and every form of it."""
    read = read_term(term)
    first = read.spellings[0] if read.spellings else ()
    others = tuple(" ".join(word.spelt for word in spelling) for spelling in read.spellings[1:])
    return Expansion(
        term=term.text,
        kind=term.kind,
        summary=describe(term),
        words=tuple(_reading(word, single=len(first) == 1) for word in first),
        spellings=others,
    )


def rules(term: Term, mention: str) -> tuple[Found, ...]:
    """Tell for each word of a mention that is not the term's own by which form, or spelling, it counts."""
    tokens = tokenize(mention)
    for spelling in read_term(term).spellings:
        found = [_told(word, token) for word, token in zip(spelling, tokens, strict=False)]
        if len(spelling) == len(tokens) and all(found):
            return tuple(one for one in found if one and one.rule is not Rule.WRITTEN)
    return ()


def _told(word: Word, token: Token) -> Found | None:
    """Tell the form by which a token is a word, the surest first; None where it is not."""
    vocabulary = Vocabulary()
    number = vocabulary.add(word)
    hit = vocabulary.hits(token).get(number)
    if hit is None:
        return None
    if word.script is not Script.ARABIC:
        rule = _LATIN_RULES.get(hit.how, Rule.SPELLING)
        return Found(spelt=token.spelt, how=hit.how, rule=rule, weak=False, bound=False)
    bodies = {key(cut.body) for cut in cuts(token.spelt, token.prefix)}
    forms = sorted((form for form in word.forms if form.key in bodies), key=lambda form: _RANK[form.how])
    if forms:
        return _Ruled(word).tell(forms[0])
    return Found(spelt=token.spelt, how=hit.how, rule=Rule.SPELLING, weak=False, bound=False)


def count(term: Term, articles: Iterable[Article]) -> Counts:
    """Count how a term is written in these articles; forms that count beside other words only are left out."""
    wanted = TermSet(term.text, (term,))
    matcher = compile_watchlists([Watchlist(WatchlistHeader(id="term", name="term"), Has(wanted))])
    read = read_term(term)
    words = [_Forms(word) for word in (read.spellings[0] if read.spellings else ())]
    written, number = Counter[str](), 0
    for article in articles:
        number += 1
        passages = {passage.field: passage for passage in read_article(article)}
        for spot, one in matcher.open(article).found(wanted):
            if not spot.weak:
                written[one.text] += 1
                passage = passages[one.field]
                for token in passage.tokens[spot.first : spot.last + 1]:
                    for word in words:
                        word.add(token, undotted=passage.undotted)
    return Counts(number, written, tuple(word.counts for word in words))


class _Forms:
    """Counts which form of a word a text's words are, as the engine sees it: each form is a word by itself."""

    def __init__(self, word: Word) -> None:
        self.counts = Counter[str]()
        self._vocabulary = Vocabulary()
        forms = word.forms or (None,)
        self._spelt = {
            self._vocabulary.add(replace(word, forms=(form,)) if form else word): _shown(word, form)
            if form
            else word.spelt
            for form in forms
        }

    def add(self, token: Token, *, undotted: bool) -> None:
        hits = self._vocabulary.hits(token, undotted=undotted)
        if hits:
            self.counts[self._spelt[min(hits, key=lambda number: (hits[number].order, number))]] += 1


# --- Words -----------------------------------------------------------------------------------------------------------


def _reading(word: Word, *, single: bool) -> Reading:
    found = {one.spelt: one for one in _endings(word)} if word.reading is Taken.LATIN else _forms(word)
    order = list(Rule)
    return Reading(
        spelt=word.spelt,
        taken_for=str(word.reading),
        around=_around(word),
        varies=word.varies or word.reading is Taken.LATIN_NAME,
        forms=tuple(sorted(found.values(), key=lambda one: order.index(one.rule))),
        variants=tuple(_variants(word)),
        unfound=tuple(_unfound(word, single=single)),
    )


def _forms(word: Word) -> dict[str, Found]:
    """Tell the rule of each form; of two with one spelling, the freer stays."""
    if word.script is not Script.ARABIC:
        return {}
    ruled = _Ruled(word)
    found: dict[str, Found] = {}
    for told in map(ruled.tell, word.forms):
        known = found.get(told.spelt)
        if known is None or (known.bound, known.weak) > (told.bound, told.weak):
            found[told.spelt] = told
    return found


def _endings(word: Word) -> Iterator[Found]:
    """Write a word of Latin letters with the usual endings that leave its stem the same."""
    stem = latin.stem(key(word.spelt))
    yield Found(spelt=word.spelt, how=How.EXACT, rule=Rule.WRITTEN, weak=False, bound=False)
    for ending in _SUFFIXES:
        for one in (word.spelt + ending, word.spelt.removesuffix("e") + ending):
            if latin.stem(key(one)) == stem:
                yield Found(spelt=one, how=How.INFLECTED, rule=Rule.ENDING, weak=False, bound=False)


def _around(word: Word) -> str:
    """Say which particles and pronouns may stand around a word, and whether ال does."""
    if word.needs:
        return f"only with {'، '.join(sorted(word.needs))} before it"
    if word.script is not Script.ARABIC:
        return "particles before it"
    article = {
        Definite.FREE: "with or without ال",
        Definite.REQUIRED: "the text must have it too (بال، لل، وال count)",
        Definite.REFUSED: "without ال",
    }[word.article]
    pronouns = ", pronouns behind it" if any(form.bound for form in word.forms) else ""
    return f"{article}, particles before it{pronouns}"


def _shown(word: Word, form: Form) -> str:
    """Write a form as a text must have it, but for particles."""
    return f"ال{form.spelt}" if word.article is Definite.REQUIRED else form.spelt


class _Ruled:
    """The forms of one word, each told by its shape which rule made it."""

    def __init__(self, word: Word) -> None:
        exact = next((form for form in word.forms if form.how is How.EXACT), None)
        base = exact.spelt if exact else word.spelt
        marked = zip(base, exact.marks, strict=True) if exact and exact.marks else ((letter, "") for letter in base)
        self._word = word
        self._base = base
        self._nouns = frozenset(verbal_nouns("".join(letter + marks for letter, marks in marked)))
        self._lemmas = tuple(dict.fromkeys((*lemmas(base), *self._nouns, base)))
        self._people = frozenset(one.removeprefix("ال") for one in kin(base))
        self._adjectives = tuple(made for lemma in self._lemmas if (made := nisba(lemma)))
        self._plurals = frozenset(plural for lemma in self._lemmas for _, plural in plurals().get(key(lemma), ()))
        self._verbs = {
            form.spelt: _verb_form(lemma, stem.past)
            for lemma in self._lemmas
            for stem in stems(lemma)
            for form in conjugate(stem, How.DERIVED)
        }

    def tell(self, form: Form) -> Found:
        verb = "" if form.noun else self._verbs.get(form.spelt, "")
        bound = form.bound and not form.free
        spelt, rule = _shown(self._word, form), self._rule(form)
        common = round((uses(form.key) + uses("ال" + form.key)) / 1000, 1)
        return Found(spelt=spelt, how=form.how, rule=rule, weak=form.weak, bound=bound, verb=verb, per_million=common)

    def _rule(self, form: Form) -> Rule:
        spelt = form.spelt
        named = self._word.reading in {Taken.NAME, Taken.FIXED_NAME}
        adjective = form.how is How.DERIVED and any(spelt.startswith(one[:-1]) for one in self._adjectives)
        rules = (
            (Rule.WRITTEN, form.how is How.EXACT and spelt == self._base),
            (Rule.LETTER, self._word.reading is Taken.LETTER),
            (Rule.LISTED, form.how is How.VARIANT and form.spelt in self._word.listed),
            (Rule.SPELLING, named and form.how is How.VARIANT),
            (Rule.CASE, named),
            (Rule.VERB, not form.noun),
            (Rule.PEOPLE, bool(self._people)),
            (Rule.VERBAL_NOUN, spelt in self._nouns),
            (Rule.NISBA, adjective),
        )
        return next((rule for rule, holds in rules if holds), None) or self._number(form)

    def _number(self, form: Form) -> Rule:
        spelt = form.spelt
        if spelt in self._plurals:
            return Rule.BROKEN
        if spelt in self._lemmas:
            return Rule.SINGULAR
        stems_of = (one.removesuffix("ة").removesuffix("ى") for one in self._lemmas)
        stem = next((one for one in stems_of if spelt.startswith(one)), None)
        if stem is None or (form.sure_hamza and spelt != stem):
            return Rule.BROKEN
        ending = spelt[len(stem) :]
        if not form.free:
            return Rule.CONSTRUCT
        return next((rule for rule, endings in _ENDINGS.items() if ending in endings), Rule.PLURAL)


_ENDINGS: Final = {
    Rule.PLURAL: ("ات", "ون", "ين", "يات", "يون", "يين"),
    Rule.DUAL: ("ان", "تان", "تين", "يان", "يتان", "يتين"),
    Rule.FEMININE: ("ة", "ية"),
    Rule.TANWIN: ("ا", "يا"),
    Rule.CONSTRUCT: ("و", "ي", "تا", "تي", "ت", "يو", "يي", "يت", "يتا", "يتي"),
}


def _verb_form(noun: str, past: str) -> str:
    """Number a verb's form by its verbal noun and its past, as the shapes of `monitor.text.verbs` make them."""
    letters = "".join(one for one in past if one.isalpha())
    shapes = (
        ("X", letters.startswith("است") and (len(letters) > 5 or SHADDA in past)),  # noqa: PLR2004 - استقلّ, not استمع
        ("VII", letters.startswith("ان") and not letters.startswith("انت")),
        ("VIII", letters.startswith("ا") and len(letters) > 3),  # noqa: PLR2004 - افتعل, اتفق
        ("IV", letters[0] == "أ"),
        ("VI", noun == letters and letters[0] == "ت" and letters[2] == "ا"),
        ("V", noun == letters and letters[0] == "ت"),
        ("III", letters[1:2] == "ا" and noun.startswith("م")),
        ("II", noun.startswith("ت") and len(noun) > len(letters)),
        ("I", len(letters) == 3),  # noqa: PLR2004 - three root letters
    )
    return next((number for number, holds in shapes if holds), "")


# --- Other spellings -------------------------------------------------------------------------------------------------


def _variants(word: Word) -> Iterator[str]:
    """List spellings of a name that count, those that people write first: a letter is written otherwise."""
    is_found = _finder(word)
    if word.reading is Taken.LATIN_NAME:
        near = {one for one in _respelt(word.spelt) if is_found(one) and key(one) != key(word.spelt)}
        yield from sorted(near, key=lambda one: (len(one), one))[:MOST_SPELLINGS]
    elif word.varies and word.script is Script.ARABIC:
        name = key(next(form.spelt for form in word.forms))
        known = {form.key for form in word.forms}
        near = {one for one in _edited(name) if one not in known and not one.endswith(name) and is_found(one)}
        yield from sorted(near, key=lambda one: (not uses(one), distance(name, one), one))[:MOST_SPELLINGS]


def _finder(word: Word) -> Callable[[str], bool]:
    """Make what asks the engine whether a text's word is this one."""
    vocabulary = Vocabulary()
    number = vocabulary.add(word)
    return lambda text: any(number in vocabulary.hits(token) for token in tokenize(text))


def _edited(name: str) -> Iterator[str]:
    for place, letter in enumerate(name):
        head, tail = name[:place], name[place + 1 :]
        yield head + tail
        yield from (head + other + tail for other in _LETTERS)
        yield from (name.replace(letter, other) for other in _LETTERS)
        yield from (head + other + letter + tail for other in _LOOSE if other not in {letter, head[-1:]})


def _respelt(name: str) -> Iterator[str]:
    for one in (name, name.replace("y", "i"), name.replace("i", "y")):
        yield one
        yield from (one[:place] + letter + one[place:] for place, letter in enumerate(one) if letter.islower())


# --- What is not found -----------------------------------------------------------------------------------------------


def _unfound(word: Word, *, single: bool) -> Iterator[Unfound]:
    """Tell of words that people may expect to be found: left-out forms, and words that look alike."""
    if word.script is not Script.ARABIC:
        return
    base = next((form.spelt for form in word.forms if form.how is How.EXACT), word.spelt)
    is_found = _finder(word)
    told = [*_left_out(word, base), *(_look_alikes(base) if single else ())]
    yield from (one for one in dict.fromkeys(told) if not is_found(one.spelt))


def _left_out(word: Word, base: str) -> Iterator[Unfound]:
    if word.reading is Taken.CLOSED:
        yield Unfound(spelt=base, why="without ال it is another word")
        closed = {form.key for form in word.forms}
        members = [form for form in decline(base) if form.key not in closed and form.free]
        why = f"with its ال «{word.spelt}» is that name only"
        yield from (Unfound(spelt=f"ال{form.spelt}", why=why) for form in members[:MOST_UNFOUND])
    elif word.reading is Taken.FAMILY:
        members = [form for lemma in dict.fromkeys((*lemmas(base), base)) for form in _whole_family(lemma)]
        own = dict.fromkeys(form.spelt for form in members if is_listed(form.spelt, "own_words", "given_names"))
        yield from (Unfound(spelt=one, why="a word or name of its own") for one in [*own][:MOST_UNFOUND])
    elif word.reading in {Taken.NAME, Taken.FIXED_NAME} and (adjective := nisba(base)):
        why = "an adjective of it; a name has no family"
        yield from (Unfound(spelt=one, why=why) for one in (adjective, adjective + "ة"))
    elif word.reading is Taken.EXACT and not is_listed(base, "function_words"):
        members = [form for form in family(base) if form.key != key(base) and form.free and not form.weak]
        why = "of its family; a plain term finds it"
        yield from (Unfound(spelt=form.spelt, why=why) for form in members[:MOST_UNFOUND])


def _whole_family(lemma: str) -> Iterator[Form]:
    yield from decline(lemma)
    yield from (form for stem in stems(lemma) for form in conjugate(stem, How.DERIVED))


def _look_alikes(base: str) -> Iterator[Unfound]:
    """Find listed words that look most like this one; what they are is another matter."""
    alike = sorted(((likeness(base, one), one) for one in _listed()), reverse=True)
    close = [one for how, one in alike[: 2 * MOST_UNFOUND] if _ALIKE <= how < 1]
    yield from (Unfound(spelt=one, why="looks like it, and is another word") for one in close[:MOST_UNFOUND])


@cache
def _listed() -> tuple[str, ...]:
    """Collect the words that the lists hold with their forms: nouns with plurals, countries, verbs with their nouns."""
    nouns = (one for table in (plurals(), singulars()) for pairs in table.values() for pair in pairs for one in pair)
    people = (one for families in gentilics().values() for line in families for one in line)
    pasts = (past for past, _ in verbs())
    actions = (noun for past, _ in verbs() for noun in verbal_nouns(past))
    return tuple(dict.fromkeys((*nouns, *people, *pasts, *actions)))
