"""Worked solutions seen as steps: split, recomputed, the first wrong one located, their numbers blotted out."""
