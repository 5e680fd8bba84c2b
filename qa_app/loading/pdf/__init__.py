"""A PDF to a document: its glyphs, their layout, headers and footers, blocks, and the text."""
