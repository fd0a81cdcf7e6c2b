"""The community as a schematic of its grids and estates, with how much was reported where."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from workflows.console.viewer import Viewer
from workflows.models import Case
from workflows.office import Office


@dataclass(frozen=True)
class EstateHeat:
    """An estate (`estate_id` None: the rest of its grid), and its cases of the span."""

    estate_id: int | None
    name: str
    opened: int
    open: int


@dataclass(frozen=True)
class GridHeat:
    """A grid (`grid_id` None: where nobody knows), and its places."""

    grid_id: int | None
    name: str
    places: list[EstateHeat]

    @property
    def opened(self) -> int:
        """In the span, of all its places."""
        return sum(place.opened for place in self.places)

    @property
    def open(self) -> int:
        """Of these, not closed yet."""
        return sum(place.open for place in self.places)


@dataclass(frozen=True)
class Heat:
    """The community's grids with their places, and the categories that occur."""

    days: int
    since: date  # the first of these days
    category: str
    grids: list[GridHeat]
    categories: list[tuple[str, int]]  # code and number, most first, whatever category is chosen

    @property
    def most(self) -> int:
        """The largest number of one place."""
        return max((place.opened for grid in self.grids for place in grid.places), default=0)


async def heat(office: Office, viewer: Viewer, days: int, category: str = "") -> Heat:
    """What was opened in the last `days`, today included, by place; of one category, or of all.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    # From midnight, so that the list behind a tile holds what its number counts.
    today = office.now.astimezone(office.rules.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    rows = await office.session.execute(
        select(Case.grid_id, Case.estate_id, Case.category, Case.closed_at.is_(None), func.count())
        .where(viewer.sees(), Case.opened_at >= since)
        .group_by(Case.grid_id, Case.estate_id, Case.category, Case.closed_at.is_(None))
    )
    opened: Counter[tuple[int | None, int | None]] = Counter()
    still: Counter[tuple[int | None, int | None]] = Counter()
    kinds: Counter[str] = Counter()
    for grid, estate, kind, open_, number in rows:
        kinds[kind] += number
        if category in ("", kind):
            # A large estate lies in several grids, but stands in the picture once: where its gate is.
            home = office.directory.estate(estate).grid_id if estate is not None else grid
            opened[home, estate] += number
            still[home, estate] += number if open_ else 0
    return Heat(days, since.date(), category, _grids(office, viewer, opened, still), kinds.most_common())


def _grids(
    office: Office,
    viewer: Viewer,
    opened: Counter[tuple[int | None, int | None]],
    still: Counter[tuple[int | None, int | None]],
) -> list[GridHeat]:
    directory = office.directory
    estates = directory.estates_of(viewer.community_id)
    out = []
    for grid in directory.grids_of(viewer.community_id):
        places = [
            EstateHeat(estate.id, estate.name, opened[grid.id, estate.id], still[grid.id, estate.id])
            for estate in estates
            if estate.grid_id == grid.id
        ]
        if opened[grid.id, None] or not places:
            places.append(EstateHeat(None, "街面和其他", opened[grid.id, None], still[grid.id, None]))
        out.append(GridHeat(grid.id, grid.name, places))
    if opened[None, None]:
        out.append(GridHeat(None, "地点没说清", [EstateHeat(None, "待核实", opened[None, None], still[None, None])]))
    return out
