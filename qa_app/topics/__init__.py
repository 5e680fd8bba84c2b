"""What a pile of reports is about: topics, and themes of the analyst's own."""
