"""Deduct values of the distresses of concrete roads (ASTM D6433), as read from its figures.

The readings are of the same source as those of `geo.infrastructure.deduct_values`. Against the worked example of the
standard they are too low by up to 3 points a distress where curves are steep, and its index of 49 comes out as 53. Of
the corrected values the figure has no curves for five, seven and eight deduct values above 2: they lie between those
beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from geo.infrastructure.deduct_values import TOTAL

TENTHS = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


@dataclass(frozen=True)
class SlabDistress:
    """A kind of distress, measured in slabs.

    Parameters
    ----------
    density
        At which parts of the slabs of a sample unit the curves were read, in %.
    low, medium, high
        Deduct values there, by severity; of kinds that know none they are the same.
    """

    density: tuple[float, ...]
    low: tuple[float, ...]
    medium: tuple[float, ...]
    high: tuple[float, ...]


SLAB_DISTRESSES = {
    "blow_up": SlabDistress(
        TENTHS,
        (0, 8.1, 16.3, 23.5, 30.6, 34.6, 38.1, 40.4, 42, 43.3, 45),
        (1.7, 18.7, 34.3, 47, 57.8, 66.3, 72.6, 77, 80.2, 82, 83.3),
        (16.3, 58.9, 71.5, 81.1, 87.8, 93.7, 99.8, 105.6, 110.7, 115.9, 120.2),
    ),
    "corner_break": SlabDistress(
        TENTHS,
        (0, 8.7, 17, 24.8, 31.5, 36.9, 41.7, 45.2, 47.4, 49.3, 50.6),
        (0, 15.6, 28.5, 38.9, 46.7, 52.8, 56.3, 58.9, 60.7, 62.4, 64.1),
        (0, 24.6, 40.9, 52.2, 60.2, 67, 71.9, 75.2, 76.7, 78.5, 79.4),
    ),
    "divided_slab": SlabDistress(
        TENTHS,
        (0, 9.6, 18.9, 27.2, 33.9, 38.9, 43.3, 46.5, 48.3, 49.8, 50.2),
        (0, 20.7, 34.4, 43.7, 50.7, 56.9, 62, 66.5, 70, 73, 75.4),
        (0, 31.7, 50.4, 61.7, 68.7, 74.6, 79.1, 82.8, 86.1, 89.1, 92.2),
    ),
    "durability_cracking": SlabDistress(
        TENTHS,
        (0, 3.5, 7, 9.8, 12.8, 15.7, 18.1, 20.2, 21.5, 22.2, 22.2),
        (0, 9.8, 18, 24.4, 29.6, 33.9, 37, 38.9, 40.9, 42.4, 43.5),
        (0, 23, 38.5, 48.5, 55.4, 60, 63.1, 65.6, 67.4, 68.9, 70),
    ),
    "faulting": SlabDistress(
        TENTHS,
        (0, 2, 6.9, 13.3, 18.9, 21.5, 24.1, 25.9, 27.4, 28.9, 30),
        (0, 8, 15.7, 23.7, 32.2, 39.4, 44.8, 48.5, 50.9, 52.8, 53.9),
        (0, 15.6, 29.3, 40.4, 50.7, 60.4, 68.1, 73.9, 78.1, 81.3, 83.1),
    ),
    "joint_seal_damage": SlabDistress((0.0,), (2,), (4,), (8,)),
    "lane_shoulder_drop_off": SlabDistress(
        TENTHS,
        (0, 1.1, 2, 2.6, 3.3, 3.9, 4.4, 5, 5.4, 5.2, 5.2),
        (0, 5.2, 9.1, 11.9, 14.1, 15.4, 16.7, 17.6, 18.3, 18.9, 19.1),
        (0, 8.3, 14.8, 19.4, 23.3, 25.4, 27.6, 29.3, 30.2, 31.5, 32.2),
    ),
    "large_patch": SlabDistress(
        TENTHS,
        (0, 2, 6.7, 11.7, 15.6, 18.7, 21.3, 23.5, 25.4, 26.9, 28.1),
        (0, 5.6, 12.4, 20, 27.6, 33.3, 37.6, 41.1, 44.1, 46.9, 48.7),
        (0, 16.3, 29.1, 38.9, 46.7, 52.6, 57.6, 62, 65.9, 69.4, 72.6),
    ),
    "linear_cracking": SlabDistress(
        TENTHS,
        (0, 5.6, 10.4, 14.6, 17.4, 19.8, 21.1, 22.2, 23, 23.3, 23.5),
        (0, 8.1, 14.8, 20, 24.1, 27.2, 29.8, 32.2, 34.8, 36.9, 38.5),
        (0, 18.9, 29.6, 36.1, 41.1, 45.9, 50, 54.1, 57.6, 61.3, 65.4),
    ),
    "polished_aggregate": SlabDistress(TENTHS, *[(0, 2, 3.7, 5.4, 6.3, 7.4, 8.1, 8.7, 9.1, 9.8, 9.8)] * 3),
    "popouts": SlabDistress(TENTHS, *[(0, 2.2, 4.1, 5.9, 7.8, 9.8, 12, 13.7, 14.6, 15.2, 15.4)] * 3),
    "pumping": SlabDistress(TENTHS, *[(0, 6.1, 11.9, 17.2, 21.9, 26.1, 29.6, 32.8, 35, 36.7, 37.8)] * 3),
    "punchout": SlabDistress(
        TENTHS,
        (0, 14.6, 26.5, 35.2, 41.3, 46.3, 50, 52.6, 53.9, 54.4, 54.6),
        (0, 22.2, 38, 48, 55, 60.9, 65.4, 68.5, 70.9, 71.5, 71.3),
        (0, 30.2, 48.1, 58.7, 66.1, 71.9, 76.1, 80, 83, 85.4, 87),
    ),
    "railroad_crossing": SlabDistress(
        TENTHS[:7],
        (0, 9.4, 15.9, 20.6, 24.1, 27, 29.6),
        (0, 18.3, 30, 35.7, 40.6, 45.4, 50.2),
        (0, 55.2, 71.1, 79.4, 85.9, 90.7, 95.2),
    ),
    "scaling": SlabDistress(
        TENTHS,
        (0, 2.2, 4.3, 6.1, 7.8, 9.4, 10.2, 10.6, 11.1, 11.5, 11.7),
        (0, 8.3, 14.1, 18.3, 21.1, 23.5, 25.6, 27.4, 28.9, 29.8, 30.6),
        (0, 18, 28.7, 35.4, 40.6, 45.2, 49.4, 53.5, 57.4, 61.3, 65),
    ),
    "shrinkage_cracks": SlabDistress(TENTHS, *[(0, 0, 0, 0.9, 2, 2.8, 3.1, 3.3, 3.7, 3.7, 3.7)] * 3),
    "small_patch": SlabDistress(
        TENTHS,
        (0, 0, 0.9, 2, 3, 3.5, 3.7, 4.1, 4.3, 4.3, 4.3),
        (0, 2.2, 4.4, 7, 9.4, 11.9, 13.7, 15, 15.4, 15.9, 15.7),
        (0, 4.8, 9.1, 12.8, 16.1, 18.5, 21.3, 23.5, 24.8, 25.2, 25.4),
    ),
    "spalling_corner": SlabDistress(
        TENTHS,
        (0, 1.1, 3.1, 5.6, 8.1, 10.2, 11.1, 12.4, 13.7, 14.6, 15),
        (0, 2.6, 6.3, 9.8, 13.3, 16.1, 18.5, 20.6, 21.7, 22.2, 22.4),
        (0, 7, 12.6, 16.9, 20.4, 23.1, 25.2, 27.6, 29.1, 30, 30.6),
    ),
    "spalling_joint": SlabDistress(
        TENTHS,
        (0, 2.4, 4.6, 6.7, 8.5, 10.2, 11.3, 12.2, 12.8, 12.8, 12.2),
        (0, 4.4, 8.9, 13.1, 16.9, 19.1, 20.9, 22.8, 24.1, 25, 25.6),
        (0, 15.4, 25.2, 32.4, 37.4, 41.3, 45.2, 48.5, 51.3, 53.9, 56.1),
    ),
}

SLAB_CORRECTED = {
    1: TOTAL,
    2: (24.8, 32.2, 39.1, 45.9, 51.7, 57.4, 63.3, 69.1, 75, 80.2, 85.7, 90.6, 95.2, 99.8, 104.1, 108.1, 111.7, 114.6),
    3: (18.7, 25.7, 32, 38.1, 44.4, 50.7, 56.5, 62, 67.4, 72.4, 77.6, 82.8, 88, 92.8, 97.4, 101.7, 105.6, 108.5),
    4: (16.7, 23, 28.5, 34.6, 40.4, 46.1, 51.3, 56.9, 62, 67.2, 71.7, 76.7, 80.9, 85.2, 89.6, 93.5, 97.6, 101.7),
    6: (12.4, 18, 23.7, 29.4, 34.8, 40.4, 46.1, 51.3, 56.3, 61.1, 65.9, 70.4, 74.8, 79.1, 82.8, 86.7, 90.4, 93.1),
    9: (8, 14.3, 20, 25.4, 30.4, 34.8, 39.3, 44.1, 49.1, 53.5, 57.8, 62.8, 66.7, 70.9, 74.8, 78.7, 82, 85.7),
}
"""Corrected deduct values at the totals of asphalt, by how many deduct values are above 2, nine for all more."""
