"""One format for both sides of a pair: the student's own is detected, and every chosen text is written in it."""
