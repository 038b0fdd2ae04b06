"""The body map: a figure from the front and from the back, and which site lies where on it.

The figure is drawn here and nowhere else: its regions are the picture, and they say where a point
lies. Coordinates in this file are units of the drawing, WIDTH by HEIGHT for each view; records hold
them as fractions of these, from the left and from the top. A view shows the patient as the doctor
sees them, so the patient's right is on the left of the front view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from clinic.vocabulary import AnatomSite, BodyView, Laterality

WIDTH, HEIGHT = 160, 400
MIDDLE = WIDTH / 2
MIDLINE = 5.0  # a point this near to the middle is on neither side
REACH = 12.0  # a tap this near to the figure still means it

Point = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A closed smooth shape. Without ``laterality``, a point's side is that of the middle line."""

    view: BodyView
    site: AnatomSite
    outline: tuple[Point, ...]
    laterality: Laterality | None = None

    @property
    def path(self) -> str:
        """The outline as the commands of an SVG path."""
        return smooth_path(self.outline)

    def side_of(self, x: float) -> Laterality:
        if self.laterality is not None:
            return self.laterality
        if abs(x - MIDDLE) <= MIDLINE:
            return Laterality.MIDLINE
        return side_in(self.view, x)

    def contains(self, x: float, y: float) -> bool:
        return _winds_around(self.outline, x, y)

    def distance(self, x: float, y: float) -> float:
        """From the point to the nearest edge of the outline, in units."""
        ends = zip(self.outline, self.outline[1:] + self.outline[:1], strict=True)
        return min(_distance_to_edge((x, y), a, b) for a, b in ends)


def side_in(view: BodyView, x: float) -> Laterality:
    """The patient's side at ``x`` of a view."""
    on_the_left = x < MIDDLE
    mirrored = view == BodyView.FRONT
    return Laterality.RIGHT if on_the_left == mirrored else Laterality.LEFT


def find_region(view: BodyView, x: float, y: float) -> Region | None:
    """The region at the fractions ``x`` and ``y`` of a view; None where they are off the figure.

    Regions lie over each other (a flank over the torso): the last that holds the point is it. A
    point beside the figure belongs to the nearest region within REACH.
    """
    across, down = x * WIDTH, y * HEIGHT
    regions = [region for region in REGIONS if region.view == view]
    holding = [region for region in regions if region.contains(across, down)]
    if holding:
        return holding[-1]
    nearest = min(regions, key=lambda region: region.distance(across, down))
    return nearest if nearest.distance(across, down) <= REACH else None


def find_place(view: BodyView, x: float, y: float) -> tuple[AnatomSite, Laterality] | None:
    """Site and laterality at the fractions ``x`` and ``y`` of a view; None off the figure."""
    region = find_region(view, x, y)
    return (region.site, region.side_of(x * WIDTH)) if region else None


def smooth_path(outline: Sequence[Point]) -> str:
    """A closed Catmull-Rom spline through the points, as cubic Bezier commands of SVG.

    Control points are a sixth of the chord between the neighbours (Catmull and Rom, 1974).
    """
    count = len(outline)
    commands = [f"M{_pair(outline[0])}"]
    for i in range(count):
        before, start, end, after = (outline[(i + k) % count] for k in (-1, 0, 1, 2))
        first = (start[0] + (end[0] - before[0]) / 6, start[1] + (end[1] - before[1]) / 6)
        second = (end[0] - (after[0] - start[0]) / 6, end[1] - (after[1] - start[1]) / 6)
        commands.append(f"C{_pair(first)} {_pair(second)} {_pair(end)}")
    return "".join(commands) + "Z"


def _pair(point: Point) -> str:
    return f"{point[0]:.4g},{point[1]:.4g}"


def _winds_around(outline: Sequence[Point], x: float, y: float) -> bool:
    """Even-odd rule: a ray to the right crosses the edges an odd number of times."""
    inside = False
    for (ax, ay), (bx, by) in zip(outline, outline[1:] + outline[:1], strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def _distance_to_edge(point: Point, a: Point, b: Point) -> float:
    along, across = b[0] - a[0], b[1] - a[1]
    length = along**2 + across**2
    share = ((point[0] - a[0]) * along + (point[1] - a[1]) * across) / length
    share = min(1.0, max(0.0, share))
    return ((point[0] - a[0] - share * along) ** 2 + (point[1] - a[1] - share * across) ** 2) ** 0.5


# The drawing -------------------------------------------------------------------------------------
# one half of each symmetrical shape, from the top down along the left; mirrored for the right

HEAD = (
    (80, 4), (71, 6.5), (65, 13), (62.5, 23), (62, 28), (64, 33), (66.5, 43), (73, 50.5), (80, 53),
)  # fmt: skip
NECK = ((80, 46), (71, 46), (71, 57), (64, 63), (80, 67))
TORSO = (
    (80, 62), (68, 62), (56, 67), (48, 73), (47, 88), (51, 104), (53, 122),
    (53, 140), (50, 156), (48, 172), (52, 186), (66, 196), (80, 200),
)  # fmt: skip
FLANK = (
    (48, 94), (51, 108), (53, 122), (53, 140), (50, 158), (57, 157), (60, 140), (60, 122),
    (58, 106), (54, 94),
)  # fmt: skip
GENITAL = ((80, 182), (74, 185), (74, 194), (80, 200))
MOUTH = ((80, 39), (75, 40.5), (75, 43), (80, 44))
ARM = (
    (53, 69), (45, 72), (39, 82), (37, 98), (35, 116), (32, 132), (28, 150), (24, 168), (22, 184),
    (29, 187), (34, 170), (39, 152), (42, 134), (46, 118), (49, 102), (51, 84),
)  # fmt: skip
HAND = (
    (22, 182), (18, 190), (16, 200), (17, 212), (21, 220), (26, 218), (29, 206), (33, 208),
    (34, 200), (31, 192), (29, 186),
)  # fmt: skip
LEG = (
    (48, 172), (47, 192), (49, 214), (52, 238), (54, 256), (52, 276), (52, 296), (55, 322),
    (58, 346), (58, 360), (69, 360), (69, 344), (72, 318), (73, 294), (71, 272), (73, 254),
    (76, 232), (79, 206), (78, 196), (64, 190),
)  # fmt: skip
FOOT = (
    (59, 356), (56, 366), (50, 376), (48, 383), (54, 387), (63, 386), (68, 380), (70, 368),
    (69, 356),
)  # fmt: skip
HEEL = ((59, 356), (57, 368), (56, 378), (59, 385), (66, 385), (69, 378), (69, 368), (69, 356))
SOLE = (
    (20, 318), (13, 323), (11, 336), (14, 350), (15, 366), (14, 378), (19, 386), (26, 383),
    (28, 370), (27, 352), (30, 338), (28, 324),
)  # fmt: skip


def _mirrored(points: Sequence[Point]) -> tuple[Point, ...]:
    return tuple((WIDTH - x, y) for x, y in points)


def _whole(view: BodyView, site: AnatomSite, half: Sequence[Point]) -> list[Region]:
    """One region across the middle, from its left half."""
    right = [point for point in reversed(_mirrored(half)) if point[0] != MIDDLE]
    return [Region(view, site, (*half, *right))]


def _pair_of(view: BodyView, site: AnatomSite, left: Sequence[Point]) -> list[Region]:
    """The same shape on both sides."""
    return [
        Region(view, site, outline, side_in(view, outline[0][0]))
        for outline in (tuple(left), _mirrored(left))
    ]


def _figure(view: BodyView) -> list[Region]:
    front = view == BodyView.FRONT
    torso = AnatomSite.ANTERIOR_TORSO if front else AnatomSite.POSTERIOR_TORSO
    # the palms show in front; from behind the hands show their backs
    hands = AnatomSite.PALMS_SOLES if front else AnatomSite.UPPER_EXTREMITY
    parts = [
        *_pair_of(view, AnatomSite.LOWER_EXTREMITY, LEG),
        *_pair_of(view, AnatomSite.LOWER_EXTREMITY, FOOT if front else HEEL),
        *_pair_of(view, hands, HAND),
        *_pair_of(view, AnatomSite.UPPER_EXTREMITY, ARM),
        *_whole(view, torso, TORSO),
        *_pair_of(view, AnatomSite.LATERAL_TORSO, FLANK),
        *_whole(view, AnatomSite.HEAD_NECK, NECK),
        *_whole(view, AnatomSite.HEAD_NECK, HEAD),
    ]
    if front:
        parts += _whole(view, AnatomSite.ORAL_GENITAL, MOUTH)
        parts += _whole(view, AnatomSite.ORAL_GENITAL, GENITAL)
    else:
        parts += _pair_of(view, AnatomSite.PALMS_SOLES, SOLE)
    return parts


REGIONS: tuple[Region, ...] = (*_figure(BodyView.FRONT), *_figure(BodyView.BACK))
