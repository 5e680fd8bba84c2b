"""Words by their part in a sentence: English, the language of which we keep lists."""

from __future__ import annotations

# What a phrase neither begins nor ends with.
_FUNCTION = """
a about above across after again against all almost alone along already also although always am
among an and another any anyone anything are around as at away back be became because become been
before behind being below between both but by can cannot could did do does doing done down due
during each either else enough etc even ever every everyone everything few first following for from
further furthermore given had has have having he hence her here hers him himself his how however i
if in indeed instead into is it its itself just last least less let like likely made mainly make
makes making many may me might mine more moreover most mostly much must my myself need needed needs
neither never nevertheless next no nobody none nor not nothing now of off often on once one ones
only onto or other others otherwise our ours out over own per perhaps please quite rather really
regarding said same say says second see seem seems several shall she should since so some someone
something still such than that the their theirs them themselves then there therefore these they
thing things third this those though three through throughout thus to together too toward towards
two under unless until up upon us use used using usually various very via was way we well were what
whatever when where whereas whether which while who whole whom whose why will with within without
would yes yet you your yours
able according accordance appropriate available based certain clear clearly currently different
eg e.g ie i.e est example fully general generally good great high important including include
includes included involved kind large low main major new number numbers old part particular
particularly possible provide provided provides providing range recent relevant result results
set sets significant similar small specific sure taken takes taking time times type types various
year years month months day days week weeks page pages section sections paragraph paragraphs para
chapter chapters table tables figure figures appendix annex fy mr mrs ms miss dr sir lord lady
january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
"""
# Verbs of reports that no noun is spelt as; then those that are nouns too, as they stand.
_VERBS = """
achieve allow apply arise ask assess avoid become begin believe bring carry choose collaborate
conduct consider contain continue create decide define deliver describe determine develop
encourage enable engage enhance ensure enter establish exist expect explain explore facilitate
follow get give grow identify implement improve inform involve introduce keep know learn maintain
manage navigate obtain occur operate participate permit prevent produce promote propose protect
prove provide publish put receive recognise recommend reduce reflect relate remain remove
represent require respond retain seek send serve speak strengthen streamline suggest tackle tell
think transition understand undertake want win write emphasise
"""
_SHARED = """
address build face find form gain help highlight hold lead lie meet move present raise reach show
stand support take work
"""
_IRREGULAR = """
became began brought built chose found gave given got grew grown held kept knew known led met put
saw seen sent shown sought spoke stood taken thought told took understood undertaken won write
written wrote
"""
# What may stand inside a phrase: "use of force", "violence against women".
_INNER = "of for against"
_BEFORE_VERB = """
to will would must can could should shall may might cannot not we they you he she i who also never
please don't doesn't didn't
"""
_AFTER_VERB = "the a an that this these those their its his her our your them it"
# What stands before adjectives that have no noun behind them: "is reasonable".
_NO_NOUN_AFTER = "is are was were be been being as so too very more most not objectively"


def _forms_of(verb: str) -> set[str]:
    root = verb.removesuffix("e")
    doubled = root + root[-1]
    forms = {f"{root}ed", f"{root}ing", f"{doubled}ed", f"{doubled}ing"}
    return forms | {f"{verb[:-1]}ied"} if verb.endswith("y") else forms


def _present_of(verb: str) -> set[str]:
    return {verb, f"{verb}s", f"{verb}es", f"{verb[:-1]}ies" if verb.endswith("y") else verb}


FUNCTION = frozenset(_FUNCTION.split())
INNER = frozenset(_INNER.split())
BEFORE_VERB = frozenset(_BEFORE_VERB.split())
AFTER_VERB = frozenset(_AFTER_VERB.split())
NO_NOUN_AFTER = frozenset(_NO_NOUN_AFTER.split())
VERB_FORMS = frozenset(_IRREGULAR.split()).union(
    *(_forms_of(verb) for verb in (_VERBS + _SHARED).split()),
    *(_present_of(verb) for verb in _VERBS.split()),
)
