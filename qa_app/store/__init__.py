"""The index on disk: immutable generations, and the pointer to the one that answers.

index/CURRENT                     "000002 <SHA-256 of its manifest.json>"
index/LOCK                        held by the one process that builds
index/generations/000001/         the one before, kept in case the current one is damaged
index/generations/000002/
    manifest.json                 what it is, and every other file's size and SHA-256
    passages.sqlite               documents, passages, tags
    embeddings.npy                float16, one row a passage; searched where it lies
    candidates.faiss              which passages may be near, in a large index
    tokens.bin, token_places.npy  one bit a dimension of every token; where each passage's are
    lexical/                      BM25, as bm25s keeps it
"""
