"""The demo world: word problems with exact answers, and a small student with planted misconceptions."""
