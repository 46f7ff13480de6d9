"""What can be said against a single pair. One file each."""
