"""Rungs of the ladder: ways to obtain a chosen text for a mistake. One file each."""
