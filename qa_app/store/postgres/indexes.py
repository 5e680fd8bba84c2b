"""The database's own indexes of vectors and words: when they are made, and how well they find."""

from __future__ import annotations

from qa_app.store import bm25
from qa_app.store.manifest import FLAT, VectorsDescription
from qa_app.store.postgres.connections import Connection
from qa_app.store.postgres.schema import has_bm25, has_words_index
from qa_app.store.postgres.search import HNSW

# Passages up to which all vectors are compared, which is exact: 20,000 take 30 ms.
_FLAT_LIMIT = 20_000
# Links of a vector in the index, and candidates looked at for them. pgvector's 16 and 64 found 0.91
# of the nearest ten of 100,000 passages, these all, in 12 ms instead of 8 (benchmarks/RESULTS.md).
_LINKS, _CONSTRUCTION = 24, 200
# Memory for making an index, which is many times slower where it does not fit; pgvector's own
# advice. 2 GB hold a million vectors of 384 dimensions.
_MEMORY = "2GB"


def bring_up_to_date(
    connection: Connection, num_passages: int, dimension: int
) -> VectorsDescription:
    """Make the indexes that are missing, and describe how vectors are searched.

    Args:
        connection: in the transaction that has stored everything.
        num_passages, dimension: of the generation's vectors.
    """
    connection.execute("SELECT set_config('maintenance_work_mem', %s, true)", (_MEMORY,))
    _make_words_index(connection)
    if num_passages <= _FLAT_LIMIT:
        return VectorsDescription(FLAT)
    # One index a dimension, since a new model's vectors stand beside those of the one before.
    connection.execute(
        f"CREATE INDEX IF NOT EXISTS searched_embedding_{dimension} ON qa_app.searched USING hnsw "
        f"((embedding::halfvec({dimension})) halfvec_ip_ops) "
        f"WITH (m = {_LINKS}, ef_construction = {_CONSTRUCTION}) "
        f"WHERE vector_dims(embedding) = {dimension}"
    )
    return VectorsDescription(HNSW)


def renew_words_index(connection: Connection) -> None:
    """Make pg_textsearch's index anew if the server has crashed since it was made."""
    found = connection.execute("SELECT to_regclass('qa_app.passages_words')").fetchone()
    if found != (None,) and not has_words_index(connection):
        with connection.transaction():
            _make_words_index(connection)


def _make_words_index(connection: Connection) -> None:
    """Make pg_textsearch's index if it is missing or not whole, and can be."""
    if not has_bm25(connection) or has_words_index(connection):
        return
    # Passages that were stored while it was not installed have no words.
    query = "SELECT EXISTS (SELECT FROM qa_app.passages WHERE words IS NULL)"
    if connection.execute(query).fetchone() == (True,):
        return
    connection.execute(
        "CREATE INDEX passages_words_new ON qa_app.passages USING bm25 (words) "
        f"WITH (text_config = 'simple', k1 = {bm25.K1}, b = {bm25.B})"
    )
    # Only now are readers locked out, for a moment.
    connection.execute("DROP INDEX IF EXISTS qa_app.passages_words")
    connection.execute("ALTER INDEX qa_app.passages_words_new RENAME TO passages_words")
    # See has_words_index. A new table, so that it is there only if this transaction is.
    connection.execute("DROP TABLE IF EXISTS qa_app.words_whole")
    connection.execute("CREATE UNLOGGED TABLE qa_app.words_whole AS SELECT true AS whole")
