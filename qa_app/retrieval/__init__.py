"""A question to ranked passages.

    question ──▶ dense: cosine of the vectors ──┐
             └─▶ lexical: BM25 of the terms ────┴─▶ fusion ──▶ ranking

``retriever`` drives it, ``fusion`` holds the arithmetic, ``filters`` turns filters into rows.
"""

from qa_app.retrieval.retriever import MAX_QUESTION_CHARACTERS, Ranked, Retriever

__all__ = ["MAX_QUESTION_CHARACTERS", "Ranked", "Retriever"]
