"""The index in a folder: immutable generations, and a pointer to the live one.

index/CURRENT                     "000002 <SHA-256 of its manifest.json>"
index/LOCK                        lock file; the process that builds holds it
index/generations/000001/         the previous generation, kept in case the live one is damaged
index/generations/000002/
    manifest.json                 description, and every other file's size and SHA-256
    passages.sqlite               documents, passages, tags
    embeddings.npy                float16, one row per passage; memory-mapped for search
    candidates.faiss              approximate index that proposes candidates; large indexes only
    tokens.bin, token_places.npy  token vectors, 1 bit per dimension; (start, count) per passage
    lexical/                      BM25 index in bm25s's format
    facets.toml, topics.json      the corpus's facets file, if it has one; the topics
"""
