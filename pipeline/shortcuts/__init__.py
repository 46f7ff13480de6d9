"""Finds out what besides right and wrong separates chosen from rejected: habits, which DPO would learn."""
