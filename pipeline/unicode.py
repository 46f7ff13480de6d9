"""Whether a text can be written down."""

from __future__ import annotations


def is_unicode(text: str) -> bool:
    """False for a text with half of a surrogate pair in it, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
