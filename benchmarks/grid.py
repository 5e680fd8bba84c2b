"""Time of an evidence grid: 30 questions by every value of a facet, and its cells by support.

    python benchmarks/grid.py INDEX FACET

Nothing is stored. The target is 90 s for 43 values over 18,000 passages on two cores.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from qa_app import ask_grid, open_index
from qa_app.output.terminal import Progress

QUESTIONS = """How is partnership working monitored?
What are the main challenges to partnership working?
How is data shared between partners?
How is violence against women and girls tackled?
What recommendations are made to government?
How is public engagement carried out?
Is artificial intelligence used?
What is the budget for road safety?
How are staff trained?
How is risk managed?
Who is accountable for delivery?
How are complaints handled?
What are the strategic priorities?
How is performance measured?
How is the quality of data assured?
What is said about mental health?
How are children safeguarded?
What role do volunteers play?
How is funding allocated?
What evidence is there that prevention works?
How are conflicts of interest avoided?
How are victims supported?
What are the plans for recruitment?
How is value for money shown?
What lessons were learned?
How is technology changing services?
How is equality considered?
What oversight is there of surveillance?
How are suppliers managed?
What happens in an emergency?""".splitlines()


def main(index: str, facet: str) -> None:
    with open_index(index) as opened:
        opened.warm()
        snapshot = opened.snapshot()
        started, used = time.perf_counter(), time.process_time()
        grid = ask_grid(snapshot, QUESTIONS, facet, progress=Progress())
        seconds, of_processor = time.perf_counter() - started, time.process_time() - used
    cells = len(grid.rows) * len(grid.values)
    support = Counter(str(cell.support) for _, cell in grid.cells)
    print(
        f"{snapshot.generation.num_passages:,} passages, {len(grid.rows)} questions by "
        f"{len(grid.values)} values of {facet}: {seconds:.1f} s (processor {of_processor:.1f} s), "
        f"{cells / seconds:.0f} cells a second; of {cells:,} cells {dict(support)}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
