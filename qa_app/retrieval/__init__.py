"""A question to ranked passages.

    question ─▶ dense (cosine) ──┐
             └▶ lexical (BM25) ──┴▶ fusion ─▶ MaxSim ─▶ query expansion ─▶ fusion ─▶ neighbours
                                                        (pseudo-relevance feedback)  share scores

``retriever`` drives it; ``fusion`` and ``late`` (MaxSim) hold the arithmetic and its weights;
``filters`` turns filters into rows before anything is searched. At the end a reranker, where there
is one, orders the first passages anew, and ``duplicates`` shows each wording once.
"""

from qa_app.retrieval.retriever import MAX_QUESTION_CHARACTERS, Ranked, Retriever

__all__ = ["MAX_QUESTION_CHARACTERS", "Ranked", "Retriever"]
