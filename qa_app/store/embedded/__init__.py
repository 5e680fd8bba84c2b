"""The index in a folder: immutable generations, and a pointer to the live one.

index/CURRENT                     "000002 <SHA-256 of its manifest.json>"
index/LOCK                        lock file; the process that builds holds it
index/generations/000001/         the previous generation, kept in case the live one is damaged
index/generations/000002/
    manifest.json                 description, and every other file's size and SHA-256
    passages.sqlite               documents, passages, tags
    embeddings.npy                float16, one row per passage; memory-mapped for search
    candidates.faiss              approximate index that proposes candidates; large indexes only
    tokens.bin, tokens-1.bin …    token vectors, 1 bit per dimension; large ones are hard links to
                                  the previous generation's, with what is new in one more file
    token_places.npy              (start, count) per passage, over all of these files
    token_checks.npy, _parts.npy  checksum of each passage's codes; number of tokens in each file
    lexical/                      BM25 index in bm25s's format, and counts.npy, how often a passage
                                  has a term, from which the next build goes on
    facets.toml, topics.json      the corpus's facets file, if it has one; the topics
"""
