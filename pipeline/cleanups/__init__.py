"""Named text clean-ups, applied to chosen and rejected alike. One file each."""
