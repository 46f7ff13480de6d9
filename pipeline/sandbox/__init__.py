"""Runs commands nobody vouches for: no network, nothing of this machine to write or to spy on, hard limits.

limits.py   what a command may use, and how it ended
command.py  the command line of bubblewrap around it
seccomp.py  the system calls it may not make
run.py      runs it
proof.py    tries to break out, and refuses to go on where that succeeds; escapes.py is the attempt
source.py, exam.py  an answer's Python code, and how it meets its tests
"""
