"""What a pile of reports is about, read from what a build stored: topics by facet, what is new."""
