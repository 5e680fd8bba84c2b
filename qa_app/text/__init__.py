"""Text processing for documents and questions alike: terms, sentences, dates, wording."""
