"""Near copies are found by counting in full only where the rarest n-grams point; that finds what counting all does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.near_copies import SHORT, NearCopies
from pipeline.select.ngrams import words

LETTERS = st.lists(st.sampled_from("abcdef"), min_size=10, max_size=24).map(" ".join)


def count_all(texts: list[str], text: str, n: int, min_share: float) -> dict[int, float]:
    """The definition, without an index."""

    def cut(line: str) -> set[tuple[str, ...]]:
        part = words(line)
        return {tuple(part[at : at + n]) for at in range(len(part) - n + 1)} if len(part) >= SHORT else set()

    shares = {at: len(cut(own) & cut(text)) / len(cut(own)) for at, own in enumerate(texts) if cut(own)}
    return {at: share for at, share in shares.items() if share and share >= min_share - 1e-9}


@given(st.lists(LETTERS, max_size=6), LETTERS, st.integers(1, 4), st.sampled_from([0.1, 0.5, 0.7, 0.9, 1.0]))
def test_the_rarest_ngrams_find_what_all_of_them_do(texts: list[str], text: str, n: int, min_share: float) -> None:
    assert dict(NearCopies(texts, n, min_share).find(text)) == count_all(texts, text, n, min_share)


def test_ngrams_of_most_texts_tell_nothing() -> None:
    told = "Answer with one whole number and nothing else, and put it into a box at the very end of your answer."
    asked = [f"{told} How many {thing} are there in a {thing[::-1]}?" for thing in map("thing{}".format, range(12))]
    copies = NearCopies(asked, 3, 0.88)
    assert list(copies.find(f"{told} How many stars are there in a galaxy?")) == []
    assert list(copies.find(asked[5])) == [(5, 1.0)]
    assert list(NearCopies(asked[:4], 3, 0.7).find(f"{told} How many stars are there?")) != []  # too few to know


def test_a_sign_is_a_word() -> None:
    text = "Let x be the number 7 + 4 * 3 - 2; what is x?"
    copies = NearCopies([text], 3, 0.9)
    assert list(copies.find(text.replace("+", "-"))) == []
    assert list(copies.find(text.replace("7 + 4 * 3", "7+4*3"))) == [(0, 1.0)]
    assert list(copies.find(text.replace("7 + 4 * 3 - 2", "７＋４×３−２"))) == [(0, 1.0)]


def test_no_text_and_hostile_ones_are_like_none() -> None:
    assert list(NearCopies([], 3, 0.9).find("a b c d e f g h i j k l m n o p")) == []
    copies = NearCopies(["w " * 40, "", "a b c"], 3, 0.9)
    for text in ("", "\u0301\u0323" * 50_000, "+" * 100_000, "\u202e<script>" * 10_000, "x" * 100_000):
        assert list(copies.find(text)) == []
