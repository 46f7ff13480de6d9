"""Checkers: `correct`, `wrong`, or `unknown`. One file each."""
