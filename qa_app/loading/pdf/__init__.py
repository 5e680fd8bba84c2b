"""A PDF to a document: glyphs, lines, layout, headers and footers, blocks, text."""
