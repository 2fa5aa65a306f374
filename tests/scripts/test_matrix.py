"""The combinations in which the stories run are few and leave no two values apart."""

from itertools import combinations

import pytest

from tests.browser import matrix


def test_every_two_values_meet() -> None:
    chosen = matrix.pairwise(matrix.DIMENSIONS)
    for one, other in combinations(matrix.DIMENSIONS, 2):
        met = {(way[one], way[other]) for way in chosen}
        assert met == {(a, b) for a in matrix.DIMENSIONS[one] for b in matrix.DIMENSIONS[other]}


def test_they_are_few() -> None:
    assert len(matrix.every(matrix.DIMENSIONS)) == 16
    assert len(matrix.pairwise(matrix.DIMENSIONS)) <= 6


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2, 2), (4, 3, 3, 2), (2,) * 7])
def test_whatever_the_dimensions_are(sizes: tuple[int, ...]) -> None:
    dimensions = {f"d{n}": [f"{n}.{value}" for value in range(size)] for n, size in enumerate(sizes)}
    chosen = matrix.pairwise(dimensions)
    pairs = set().union(*map(matrix.pairs_of, matrix.every(dimensions)))
    assert set().union(*map(matrix.pairs_of, chosen)) == pairs
    assert len(chosen) <= len(matrix.every(dimensions))
