"""Pages for people: self-contained HTML that works from disk, without a network."""
