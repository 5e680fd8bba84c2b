"""A question to ranked passages.

    question ─▶ dense (cosine) ──┐
             └▶ lexical (BM25) ──┴▶ fusion ─▶ reading ─▶ feedback ─▶ fusion ─▶ neighbours ─▶ ranking
                                              tokens      terms                share scores

``retriever`` drives it; ``fusion``, ``late`` (reading) and ``feedback`` hold the arithmetic and
its numbers; ``filters`` turns filters into rows before anything is searched. At the end a reranker,
where there is one, orders the first passages anew, and ``repeats`` shows each wording once.
"""

from qa_app.retrieval.retriever import MAX_QUESTION_CHARACTERS, Ranked, Retriever

__all__ = ["MAX_QUESTION_CHARACTERS", "Ranked", "Retriever"]
