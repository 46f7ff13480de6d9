"""What is counted in a text. One file each."""
