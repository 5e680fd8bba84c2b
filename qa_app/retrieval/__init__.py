"""Ranks passages for a question.

    question ─▶ dense (cosine) ──┐
             └▶ lexical (BM25) ──┴▶ fusion ─▶ MaxSim ─▶ query expansion ─▶ fusion ─▶ neighbours
                                                        (pseudo-relevance feedback)  share scores

``retriever`` runs the steps; ``fusion`` and ``late`` (MaxSim) hold the formulas and their weights;
``filters`` turns filters into rows before the search. Last, a reranker, if there is one, reorders
the first passages, and ``duplicates`` groups passages of the same wording.
"""

from qa_app.retrieval.retriever import MAX_QUESTION_CHARACTERS, Ranked, Retriever

__all__ = ["MAX_QUESTION_CHARACTERS", "Ranked", "Retriever"]
