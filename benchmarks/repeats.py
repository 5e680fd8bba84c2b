"""Repeated wording in an index: counts passages whose text is contained in another passage.

python benchmarks/repeats.py INDEX
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from qa_app.retrieval.duplicates import group_repeats, wording
from qa_app.store.embedded.generation import open_generation

SHORTEST = 100  # characters; shorter passages, such as headings and table cells, are not counted


def main(index: str) -> None:
    with open_generation(Path(index)) as generation:
        passages = generation.passages(range(generation.num_passages))
    words = [wording(passage.text) for passage in passages]
    everything = "\n".join(words)
    starts = [0, *accumulate(len(text) + 1 for text in words)]
    long = [place for place, passage in enumerate(passages) if len(passage.text) >= SHORTEST]
    across: set[int] = set()
    within: set[int] = set()
    for place in long:
        at = everything.find(words[place])
        while at >= 0:
            other = bisect_right(starts, at) - 1
            texts = [passages[other].text, passages[place].text]
            if other != place and len(group_repeats(texts)) == 1:
                same = passages[other].document == passages[place].document
                (within if same else across).add(place)
            at = everything.find(words[place], starts[other + 1])
    print(f"{len(passages):,} passages, {len(long):,} of at least {SHORTEST} characters")
    print(f"{len(across):,} repeat one of another document, {len(within):,} one of their own")


if __name__ == "__main__":
    main(*sys.argv[1:])
