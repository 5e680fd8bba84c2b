"""The names, quantities and denials of a text, as far as rules can tell them.

Rules, not a model: a name that is missing is named to the reader, and the same text always gives
the same verdict. They err towards finding too much, since what they find has to be in the quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from qa_app.text.analysis import Analyser
from qa_app.text.dates import years_in
from qa_app.text.sentences import STARTERS

# A word with what may stand inside it: "data-sharing", "O’Brien", "U.K", "http://a.example/b@c".
_WORD = re.compile(r"\w+(?:[.,:;/@&'’‐‑_-]+\w+)*")
# A word that is a name wherever it stands: capitals or digits behind the first letter ("COVID-19",
# "iPhone"), or the marks of an address ("a.example", "a@b").
_ODD = re.compile(r"\w.*[A-Z]|[^\W\d_].*\d|\w[./:@_]+\w")
_ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_ONES += " sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: str(n) for n, word in enumerate(_ONES.split(), 1)}
_NUMBERS |= {word: str(n * 10) for n, word in enumerate(_TENS.split(), 2)}
_NUMBERS |= {"half": "1/2", "halves": "1/2", "quarter": "1/4", "quarters": "1/4", "third": "1/3"}
_NUMBERS |= {"thirds": "1/3", "dozen": "12", "twice": "2 times", "double": "2 times"}
_NUMBERS |= {"doubled": "2 times", "tripled": "3 times", "zero": "0"}
_SCALES = {"m": "million", "bn": "billion", "k": "thousand", "tn": "trillion"}
_UNITS = {"£": "pounds", "$": "dollars", "€": "euros", "pound": "pounds", "dollar": "dollars"}
_UNITS |= {"euro": "euros", "percent": "%", "per cent": "%", "percentage": "%"}
# A quantity: "£5m", "20 per cent", "twenty-five", "10,000"; not the digits of "COVID-19" or "A4".
# "no one" and "one another" count nothing.
_QUANTITY = re.compile(
    rf"""
    (?<![^\W_]) (?<![^\W\d_]-) (?<!\d[.,]) (?<!\bno\s)
    (?P<currency>[£$€])? \s?
    (?:
      (?P<digits>\d[\d,]*(?:\.\d+)?)
      | (?:(?P<tens>{"|".join(_TENS.split())})[\s-])? (?P<word>{"|".join(_NUMBERS)}) (?![^\W_])
    )
    (?!\sanother\b)
    (?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|m|bn|k|tn)(?![^\W_]))?
    (?:[\s-]?(?P<unit>%|per\ ?cent|percentage|pounds?|dollars?|euros?))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Words that open a sentence with a capital and are no names; nor are several doers ("Inspectors").
_MORE_OPENERS = """
however overall also according several much some one anyone anybody everyone nobody there instead
despite among across between over under within without during before after until because since
while whereas whenever usually often only even still meanwhile moreover furthermore therefore thus
hence finally first second third then now additionally people staff new other others another
similarly specifically generally
"""
_OPENERS = STARTERS.union(_MORE_OPENERS.split())
_MANY = re.compile(r"(?:[eo]rs|ists|ations)$")
# Words that deny, and words that deny without one of them ("lacked", "insufficient").
_NOT = re.compile(
    r"\b(?:not|no|none|never|nor|neither|nobody|nothing|nowhere|without|cannot|hardly|rarely"
    r"|\w+n['’]t)\b",
    re.IGNORECASE,
)
_ALMOST_NOT = re.compile(
    r"\b(?:fail\w*|lack\w*|absen\w+|missing|refus\w+|den(?:y|ies|ied)|prevent\w*|avoid\w*|unless"
    r"|except\w*|exclud\w+|stop\w*|little|few|un(?:able|clear|likely|known|necessary)|gives? up"
    r"|giving up|insufficient\w*|inadequa\w+|impossible|non-\w+|rather than|instead|beyond"
    r"|below|less|only|short)\b",
    re.IGNORECASE,
)
# Speech in double quotation marks; a shorter stretch is a term ("postcode lottery").
_SPEECH = re.compile(r"[“\"][^“”\"]{25,}(?:[”\"]|$)")
# A sentence that says that something was said, or marks words as somebody's.
_ATTRIBUTED = re.compile(
    r"[“”\"]|\b(?:sa(?:y|ys|id)|tells?|told|accord\w+|argue\w*|stat(?:es|ed)|describ\w+|call(?:s|ed)"
    r"|explain\w*|beliefs?|believ\w+|thinks?|thought|claim\w*|suggest\w*|not(?:es|ed)|wr(?:ites|ote)"
    r"|report\w*|ask(?:s|ed)|warn\w*|comment\w*|quot\w+|view\w*|recommend\w*)\b",
    re.IGNORECASE,
)
_SCOPE = 6  # words behind a denial that it is about, as far as they are in its clause
_CLAUSE = re.compile(r"[,;:.!?]")  # ends what a denial is about
_LEAST_REPEATED = 0.5  # share of a denial's terms that a sentence repeats to be about the same
# Words that widen a claim to everything or nothing, by what they claim. A quote of one case does
# not bear them out; one with another word of the same line does.
_SWEEPING = (
    "all every each everyone everybody everything everywhere always entire entirely whole wholly"
    " completely totally",
    "most mostly majority usually",
    "only solely unless except exclusively",
    "proves proved proof certainly definitely",
)
# Pairs of which one in the quote and the other in the sentence turn the meaning round; as stems.
_OPPOSITES = """
increas/decreas rise/fall rose/fell more/fewer more/less improv/worsen improv/deterior high/low
higher/lower before/after support/oppos agre/disagre strong/weak stronger/weaker best/worst
success/failur succeed/fail includ/exclud allow/forbid allow/prohibit permit/prohibit accept/reject
earli/late earlier/later minimum/maximum gain/lose begin/end open/close guilti/innoc legal/illeg
law/unlaw satisfi/dissatisfi satisfactori/unsatisfactori adequ/inadequ suffici/insuffici able/unabl
like/unlik effect/ineffect consist/inconsist public/privat
"""


def names(text: str, ordinary: Collection[str] = ()) -> Iterator[str]:
    """Yield the words of a sentence that are names, or written like one.

    Args:
        ordinary: words in lower case that are not names for being the sentence's first.
    """
    for number, found in enumerate(_WORD.finditer(text)):
        word = re.sub(r"['’]s$", "", found.group())
        if word[0].isdigit() or word.lower() in _NUMBERS:
            continue
        opens = number == 0 and not _ODD.search(word)
        if opens and (word.lower() in _OPENERS or word.lower() in ordinary or _MANY.search(word)):
            continue
        if word[0].isupper() or _ODD.search(word):
            yield word


def quantities(text: str) -> set[str]:
    """Return the numbers of a text with scale and unit: "5 million pounds", "20 %", "2019"."""
    found = set()
    for match in _QUANTITY.finditer(text):
        if match["digits"]:
            number = match["digits"].replace(",", "")
        else:
            number = _NUMBERS[match["word"].lower()]
            if match["tens"]:
                number = str(int(_NUMBERS[match["tens"].lower()]) + int(number.split("/")[0][0]))
        scale = (match["scale"] or "").lower()
        unit = (match["currency"] or match["unit"] or "").lower()
        parts = (number, _SCALES.get(scale, scale), _UNITS.get(unit, unit))
        found.add(" ".join(filter(None, parts)))
    return found | {str(year) for year in years_in(text)}


def sweeping(sentence: str, quote: str) -> str:
    """Return a word of a sentence that claims more than the quote does, or ""."""
    said, read = (re.findall(r"\w+", text.lower()) for text in (sentence, quote))
    for line in _SWEEPING:
        words = line.split()
        if not set(words).intersection(read):
            found = [word for word in said if word in words]
            if found:
                return str(found[0])
    return ""


def evidence(quote: str, sentence: str) -> str:
    """Return what a quote itself says: without speech that it quotes, if the sentence names none.

    A report that quotes somebody does not say the same, so a sentence has to say who did; and what
    an instruction puts into somebody's mouth is no evidence.
    """
    return quote if _ATTRIBUTED.search(sentence) else _SPEECH.sub(" … ", quote)


def denies(text: str) -> bool:
    """Tell whether a text denies something in so many words."""
    return _NOT.search(text) is not None


def denial_lost(sentence: str, quote: str, analyser: Analyser) -> bool:
    """Tell whether a sentence says without a denial what the quote denies."""
    if denies(sentence) or _ALMOST_NOT.search(sentence):
        return False
    said = set(analyser.terms(sentence))
    for match in _NOT.finditer(quote):
        clause = _CLAUSE.split(quote[match.end() :], maxsplit=1)[0]
        denied = analyser.terms(" ".join(clause.split()[:_SCOPE]))
        if denied and len(said.intersection(denied)) >= _LEAST_REPEATED * len(set(denied)):
            return True
    return False


def denial_added(sentence: str, quote: str) -> bool:
    """Tell whether a sentence denies where nothing in the quote does.

    What denies without "not" counts, unless the sentence has it too, besides its own denial.
    """
    if not denies(sentence) or denies(quote):
        return False
    others = {word.lower() for word in _ALMOST_NOT.findall(quote)}
    return others <= {word.lower() for word in _ALMOST_NOT.findall(sentence)}


def opposite(sentence: str, quote: str, analyser: Analyser) -> tuple[str, str] | None:
    """Return a word of the sentence and its opposite in the quote, if only the latter has it."""
    said, read = set(analyser.terms(sentence)), set(analyser.terms(quote))
    for pair in _OPPOSITES.split():
        first, second = pair.split("/")
        for one, other in ((first, second), (second, first)):
            if one in said and one not in read and other in read and other not in said:
                return one, other
    return None
