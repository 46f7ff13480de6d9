"""Final answers of mathematics: found in a text, read as what they mean, compared.

extraction: text ──▶ final answers    notation: many notations ──▶ one    syntax: one notation ──▶ trees
reading: trees, units, words ──▶ what is meant    comparison: same │ different │ unclear, with the reason
"""
