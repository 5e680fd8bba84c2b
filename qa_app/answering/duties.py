"""Duties and bans: whether a sentence states the sort of rule that a question asks for.

"Which schools require …?" is answered by what must be done there, "which ban …?" by what must
not; a sentence that tells about the matter, permits it or denies the duty is no answer.
"""

from __future__ import annotations

import re

_ASKS_BAN = re.compile(
    r"\b(?:bans?|bann(?:ed|ing)|prohibit\w*|forbid\w*|forbade|outlaw\w*|disallow\w*|"
    r"not (?:allow|permit)\w*)\b",
    re.IGNORECASE,
)
_ASKS_DUTY = re.compile(
    r"\b(?:requir(?:e|es|ed|ing)|mandat\w+|oblig\w+|insist\w*|must|ha(?:ve|s|d) to|duty)\b",
    re.IGNORECASE,
)
_BAN = re.compile(
    r"\b(?:prohibit\w*|forbid\w*|bann?(?:ed|s|ing)?|disallow\w*|unauthori[sz]ed|refrain\w*|never|"
    r"cannot|restricted|no (?:\w+ ){1,2}(?:may|shall|will|must|should|can|is|are)|"
    r"(?:must|shall|should|may|will|can|are|is|be|do|does) ?n[o’']t|"
    r"not (?:be )?(?:permitted|allowed|authori[sz]ed|used)|"
    r"only (?:when|if|in|as|justified|be|to))\b",
    re.IGNORECASE,
)
_DUTY = re.compile(
    r"\b(?:must|shall|should|will|requir\w+|mandatory|dut(?:y|ies)|oblig\w+|expected to|"
    r"directed to|ensur\w+|responsib\w+|needs? to|ha(?:s|ve) to)\b",
    re.IGNORECASE,
)
_NO_DUTY = re.compile(
    r"\b(?:not (?:be )?(?:required|necessary|mandatory|obliged)|nothing in this|need not|neither|"
    r"no (?:requirement|duty|obligation)|not (?:the intent|intended) (?:\w+ ){0,4}to require|"
    r"(?:do|does|did) (?:not|n[’']t) (?:require|have to|need to))\b",
    re.IGNORECASE,
)


def contrary(question: str, text: str) -> float:
    """Return 1 if the question asks for a duty or a ban and the text states none, else 0."""
    if _ASKS_BAN.search(question):
        return float(not _BAN.search(text))
    if _ASKS_DUTY.search(question):
        return float(bool(_NO_DUTY.search(text)) or not _DUTY.search(text))
    return 0.0
