"""The first p-median of OR-Library (Beasley 1985): 100 places joined by 200 ways, of which 5 are chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path

from geo.siting.models import Method, lscp, p_center, p_median

WAYS = (
    "1 2 30 2 3 46 3 4 1 4 5 28 5 6 31 6 7 69 7 8 39 8 9 14 9 10 84 10 11 59 11 12 10 12 13 28 13 14 63 14 15 9 15 16 "
    "100 16 17 98 17 18 70 18 19 94 19 20 22 20 21 14 21 22 87 22 23 82 23 24 55 24 25 2 25 26 32 26 27 77 27 28 95 "
    "28 29 29 29 30 59 30 31 91 31 32 89 32 33 50 33 34 40 34 35 88 35 36 94 36 37 60 37 38 21 38 39 89 39 40 47 40 "
    "41 63 41 42 45 42 43 46 43 44 24 44 45 77 45 46 60 46 47 45 47 48 50 48 49 93 49 50 22 50 51 84 51 52 16 52 53 "
    "85 53 54 68 54 55 93 55 56 37 56 57 26 57 58 29 58 59 38 59 60 10 60 61 32 61 62 67 62 63 66 63 64 52 64 65 19 "
    "65 66 39 66 67 12 67 68 86 68 69 72 69 70 73 70 71 65 71 72 2 72 73 8 73 74 96 74 75 43 75 76 39 76 77 61 77 78 "
    "90 78 79 8 79 80 58 80 81 91 81 82 58 82 83 13 83 84 79 84 85 59 85 86 28 86 87 46 87 88 24 88 89 63 89 90 81 90 "
    "91 14 91 92 52 92 93 64 93 94 75 94 95 71 95 96 51 96 97 75 97 98 57 98 99 31 99 100 49 100 1 88 80 5 90 85 69 "
    "51 20 19 30 85 13 22 81 95 54 58 73 37 64 51 89 39 76 89 13 8 77 91 76 51 52 95 96 91 75 33 80 91 84 35 80 46 54 "
    "86 35 30 70 5 19 7 9 74 53 50 11 37 4 19 92 70 62 94 96 60 52 34 24 59 63 42 45 68 19 60 53 60 27 86 15 50 31 38 "
    "18 27 81 30 99 1 29 6 22 52 11 54 59 75 5 7 8 41 44 80 41 76 42 44 12 56 61 65 73 20 93 35 9 99 28 45 68 19 16 "
    "79 96 13 42 3 68 4 28 58 17 60 21 81 34 35 7 7 21 14 82 26 32 26 6 63 83 31 69 53 91 78 32 45 59 33 42 57 5 8 53 "
    "66 65 94 61 94 90 63 73 33 88 39 21 59 42 85 34 30 57 37 34 94 52 62 38 56 26 29 20 48 98 53 4 33 45 31 63 82 8 "
    "52 31 37 81 14 50 27 16 27 14 48 88 33 8 56 30 76 87 91 17 33 49 77 70 30 74 25 99 19 95 30 96 14 85 90 49 8 96 "
    "96 5 87 73 4 41 99 32 35 95 1 31 99 3 49 18 75 100 58 47 68 35 60 5 38 16 70 54 40 52 95 55 47 54 17 45 9 83 75 "
    "97 66 81 9 48 92 90 95 96 4 27 27 75 22 48 62 7 55 79 3 57 15 69 46 "
)
"""From, to, length; of two ways between the same places the last one counts."""


@pytest.fixture(scope="module")
def apart() -> np.ndarray:
    lengths = np.zeros((100, 100))
    for one, other, length in np.array(WAYS.split(), dtype=int).reshape(-1, 3):
        lengths[one - 1, other - 1] = lengths[other - 1, one - 1] = length
    return shortest_path(lengths, directed=False)


@pytest.mark.parametrize("method", ["heuristic", "exact"])
def test_the_median_is_the_published_one(apart: np.ndarray, method: Method) -> None:
    found = p_median(apart, np.ones(100), p=5, method=method)
    assert found.objective == pytest.approx(5819)
    assert found.bound <= 5819 * (1 + 1e-9)


def test_the_center_is_the_published_one(apart: np.ndarray) -> None:
    """127 by Pullan's memetic search (2008), and proved here: no 5 places cover all within less."""
    found = p_center(apart, p=5)
    assert (found.objective, found.gap) == (127, 0)
    assert len(lscp(apart, radius=127).sites) == 5
    assert len(lscp(apart, radius=126).sites) == 6
