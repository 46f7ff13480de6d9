"""Text generators, for students and teachers alike. One file each; the file's name is the name in configurations."""
