"""The index in a PostgreSQL database with pgvector, for teams that outgrow one machine."""

from qa_app.errors import StoreError

# Here, so that whatever module of this room is imported first says what is missing.
try:
    import psycopg  # noqa: F401
    import psycopg_pool  # noqa: F401
except ImportError as exc:
    raise StoreError(
        f"An index in PostgreSQL needs the library psycopg, which cannot be loaded: {exc}.",
        "pip install 'qa_app[postgres]'",
    ) from exc
