"""`errata init`: looks at the data, asks for the rest, writes an annotated configuration, and tries it.

interview.py reads top to bottom; plan.py holds what is decided, yaml_text.py writes it down, preview.py tries it.
"""
