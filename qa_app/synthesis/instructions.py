"""Knows texts that are worded as instructions to a language model, and strips what disguises them.

A list of wordings cannot be complete. It is there so that the usual ones never reach the model, and
so that no sentence can cite one; what gets past it is a sentence that is checked like any other.
"""

from __future__ import annotations

import re
import unicodedata

# Wording of an instruction to a language model. It holds back a few of ten thousand
# sentences of real reports (benchmarks/sentences.py); those are only missing from the summary.
_INSTRUCTION = re.compile(
    r"""
    # setting aside what was said before
    \b(?:ignor|disregard|forget|overrid|bypass|supersed|overrul|discard|neglect)\w*\b
      [^.!?\n]{0,60}?
      \b(?:instruc|anweis|prompt|previous|prior|above|preceding|earlier|foregoing|context|guideline
        |system|everything|rule|quote|told|check|question)
    | \b(?:new|updated?|real|actual|following|these|system|developer|hidden|secret|special)\s
      (?:system\s)?(?:instruction|prompt|directive)s?\b
    # naming the machine that reads
    | \b(?:(?:language\smodel|LLM|chat\s?bot|AI\s(?:assistant|model|system|reader))s?
      |chat\s?GPT|GPT(?:-\w+)?
      |(?:the|an|any|all|dear|hey|hello|attention|helpful)\s(?:AI|assistant|summari[sz]er)s?)\b
      (?=[^.!?\n]{0,80}\b(?:you|must|should|shall|please|say|write|state|report|output|reply
        |respond|answer|add|end|begin|tell|claim|include|cite|will)\b|\s?[:,])
    | \b(?:the|any|dear|hey)\smodel,?\s(?:must|should|shall|please|you)\s(?:\w+\s)?
      (?:say|write|state|report|conclude|output|reply|answer|ignore|include|claim)\b
    | \byou\sare\s(?:now|no\slonger|an?\s(?:AI|assistant|model|helpful))\b
    | \brole-?play\b | \bact\sas\s(?:if\syou|an?\s(?:AI|assistant|model))
    | \bsystem\s(?:override|message|prompt|notice)\b | \b(?:begin|end)\s(?:of\s)?instructions?\b
    | \byour\s(?:new\s|real\s|only\s)?(?:task|job|role|goal|mission|purpose)\sis\s(?:now|to)\b
    | \bfrom\snow\son,?\s(?:you|write|say|answer|every\s(?:answer|sentence))\b
    | \bstop\s(?:summari[sz]|reading\shere|what\syou\sare)
    | \bdo\snot\s(?:follow|obey)\b[^.!?\n]{0,30}\b(?:instruc|rule|prompt|above|quote)
    | \b(?:when|while|before|after|please)\ssummari[sz](?:ing|e)\b
    | \bdo\snot\s(?:summari[sz]e|cite|mention\s(?:this|these)\sinstruc)
    | \b(?:jailbreak|developer\smode|DAN\smode|prompt\sinjection)\b
    # dictating what is to be written
    | (?:^|[.!?:;,\n"“”‘(\[<>*#/-]\s?|\b(?:please|must|should|shall|now|then|and|instead|just
        |simply|only|always|instructions?)\s)
      (?:say|write|output|print|reply|respond|repeat|append|conclude|insert|summari[sz]e|state
        |claim|tell|answer|assert|declare|mention|announce|report|add|cite)\b
      (?:[^.!?\n]{0,40}?(?:["“]|\bthe\s(?:user|reader|analyst)\b|\bthe\sfollowing\s(?:sentence
        |text|words)\b|\bexactly\b|\bverbatim\b|\[\d)|\safter\sme\b)
    | \b(?:please|you\smust|must\snow|always|instead|you\s(?:should|will|shall)|now
        |if\s(?:asked|you\sare\san?\sAI),?)\s(?:also\s|only\s|always\s|just\s)?
      (?:say|write|state|report|claim|reply|respond|conclude|answer|assert|include|mention|add)\s
      (?:that\b|["“]|[^.!?\n]{0,20}:)
    | \bwhen(?:ever)?\s(?:you\sare\s)?asked\b[^.!?\n]{0,60}\b(?:say|answer|reply|respond|state)\b
    | \b(?:begin|start|end|finish|conclude|open|close|preface|prefix|replace|append|prepend|add\sto)
      \w*\s(?:your|the|every|each|any)\s(?:\w+\s)?
      (?:summary|answer|reply|response|output|synthesis|sentences?)\b
    | \b(?:your\s(?:\w+\s)?(?:summary|answer|reply|response|output|synthesis|sentences?|completion)
      |(?:the|this|any|every|each)\s(?:\w+\s)?(?:summary|synthesis|completion))\b[^.!?\n]{0,30}?
      \b(?:must|should|shall|has\sto|needs\sto|ought\sto)\b
    | \b(?:output|print|reply|respond|repeat|append)\s?: | \b(?:summary|answer|output)\s?:[^\n]*\[\d
    | (?:^|[.!?"”]\s)(?:say|print|output|repeat)\s(?-i:[A-Z“"])
    | \b(?:write|output|include|add|insert|print)\s(?:one|a|the|this)\s(?:\w+\s)?
      (?:sentence|phrase)\b
    | \bthe\s(?:\w+\s){0,2}(?:summary|synthesis)\s(?:says|should\sread|is\s?:)
    | \bin\syour\s(?:summary|answer|reply|output|synthesis)\b
    # the marks of chats and prompts
    | <\|?/?(?:im_start|im_end|system|user|assistant|endoftext|s|inst|quote|data)\b
    | \[/?(?:INST|SYSTEM|SYS)\] | <</?SYS>> | \#{2,}\s?(?:system|instruction|response|assistant)
    | (?:^|\n|["“}\]]\s?)(?:system|assistant|user|developer|human|AI|model)\s?:
    | \bcit(?:e|ing)\s(?:it\s|this\s|the\s)?(?:as\s)?(?:quote|sentence|\[\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def reads_as_instruction(text: str) -> bool:
    """Tell whether a text is worded as an instruction to a language model."""
    return _INSTRUCTION.search(plain(text)) is not None


def plain(text: str) -> str:
    """Return a text without control characters and invisible ones, which could disguise it."""
    kept = []
    for c in unicodedata.normalize("NFKC", text):
        kind = unicodedata.category(c)
        kept.append(c if c == "\n" or kind[0] != "C" else " " if kind == "Cc" else "")
    return "".join(kept)
