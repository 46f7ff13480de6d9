"""Forms in which other programs read a preference data set, one file each."""
