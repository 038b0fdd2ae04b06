"""The figure is drawn from the regions that say where a point lies; numbers on it can be read."""

import math
import re
from itertools import combinations

import pytest

from clinic.body_map import HEIGHT, REGIONS, WIDTH, find_place, smooth_path
from clinic.dots import APART, MARGIN, MOST, REACH, Dot, arrange, share_room
from clinic.vocabulary import AnatomSite, BodyView, Laterality

SQUARE = ((0, 0), (10, 0), (10, 10), (0, 10))


@pytest.mark.parametrize(
    ("view", "x", "y", "site", "side"),
    [
        ("front", 0.5, 0.07, "head/neck", "midline"),
        ("front", 0.45, 0.26, "anterior torso", "right"),
        ("back", 0.45, 0.26, "posterior torso", "left"),
        ("front", 0.34, 0.32, "lateral torso", "right"),
        ("front", 0.23, 0.3, "upper extremity", "right"),
        ("back", 0.23, 0.3, "upper extremity", "left"),
        ("front", 0.38, 0.6, "lower extremity", "right"),
        ("front", 0.62, 0.6, "lower extremity", "left"),
        ("front", 0.14, 0.5, "palms/soles", "right"),
        ("back", 0.14, 0.5, "upper extremity", "left"),
        ("back", 0.13, 0.85, "palms/soles", "left"),
        ("back", 0.87, 0.85, "palms/soles", "right"),
        ("front", 0.5, 0.475, "oral/genital", "midline"),
        ("front", 0.5, 0.104, "oral/genital", "midline"),
        ("back", 0.5, 0.475, "posterior torso", "midline"),
    ],
)
def test_a_point_has_the_site_and_side_of_the_patient(view, x, y, site, side) -> None:
    assert find_place(BodyView(view), x, y) == (site, side)


def test_a_tap_just_beside_the_figure_means_the_nearest_region() -> None:
    beside_the_shin = (52 - 6) / WIDTH
    assert find_place(BodyView.FRONT, beside_the_shin, 0.73) == ("lower extremity", "right")


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 1.0), (0.05, 0.2)])
def test_a_point_far_from_the_figure_has_no_place(x, y) -> None:
    assert find_place(BodyView.FRONT, x, y) is None


def test_every_site_has_a_place_and_every_region_lies_on_the_drawing() -> None:
    assert {region.site for region in REGIONS} == set(AnatomSite)
    for region in REGIONS:
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in region.outline)


def test_the_two_sides_mirror_each_other() -> None:
    for y in range(5, HEIGHT, 10):
        for x in range(2, WIDTH // 2 - 6, 5):
            # not on an edge, which belongs to the region on one side of it
            across, down = (x + 0.37) / WIDTH, (y + 0.41) / HEIGHT
            here = find_place(BodyView.FRONT, across, down)
            there = find_place(BodyView.FRONT, 1 - across, down)
            assert (here and here[0]) == (there and there[0]), (x, y)
            if here:
                assert (here[1], there[1]) == (Laterality.RIGHT, Laterality.LEFT)


def test_a_path_is_closed_and_goes_through_every_point() -> None:
    path = smooth_path(SQUARE)
    ends = re.findall(r"[ M](\S+?),(\S+?)(?=C|Z)", path)
    assert path.endswith("Z")
    assert [(float(x), float(y)) for x, y in ends] == [*SQUARE, SQUARE[0]]


def test_dots_that_stand_close_share_the_room_between_them() -> None:
    alone, one, other = Dot(80, 300, "alone"), Dot(60, 100, "one"), Dot(72, 105, "other")
    share_room([alone, one, other])
    assert alone.reach == REACH
    assert one.reach == other.reach == pytest.approx(6.5)


def test_a_number_that_stands_alone_stays_where_the_lesion_is() -> None:
    dots = [Dot(80, 300, "alone"), Dot(60, 100, "far")]
    arrange(dots)
    assert [(dot.across, dot.down, dot.is_moved) for dot in dots] == [
        (80, 300, False),
        (60, 100, False),
    ]


CROWDS = {
    "touching": [(72, 104), (78, 108)],
    "in one place": [(80, 150)] * 5,
    "in a corner": [(0, 0), (2, 1), (1, 3)],
    "forty on the back": [(60 + 6 * (n % 8), 80 + 12 * (n // 8)) for n in range(40)],
}


def test_more_than_the_view_has_room_for_stay_on_their_places() -> None:
    dots = [Dot(80, 150, n) for n in range(MOST + 1)]
    arrange(dots)
    assert not any(dot.is_moved for dot in dots)


@pytest.mark.parametrize("crowd", CROWDS)
def test_no_number_covers_another_and_all_stay_on_the_drawing(crowd: str) -> None:
    dots = [Dot(across, down, n) for n, (across, down) in enumerate(CROWDS[crowd])]
    arrange(dots)
    # the broadest shape is 19 units wide
    gaps = [math.dist((a.across, a.down), (b.across, b.down)) for a, b in combinations(dots, 2)]
    assert min(gaps) >= APART - 2
    assert all(MARGIN <= dot.across <= WIDTH - MARGIN for dot in dots)
    assert all(MARGIN <= dot.down <= HEIGHT - MARGIN for dot in dots)
    # where each lesion is, is not forgotten
    assert [dot.place for dot in dots] == CROWDS[crowd]
    assert sum(dot.is_moved for dot in dots) >= len(dots) - 1
