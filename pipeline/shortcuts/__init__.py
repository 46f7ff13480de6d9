"""Finds out what else than right and wrong separates chosen from rejected: an author's habits, which DPO would learn."""
