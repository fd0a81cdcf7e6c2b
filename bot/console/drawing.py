"""The map's geometry: grids as frames, estates as tiles in them. Drawn as SVG by its template."""

from dataclasses import dataclass

from workflows.console.neighbourhood import EstateHeat, GridHeat, Heat

WIDTH = 960
COLUMNS = 3  # frames in a row
GAP, PAD, HEAD = 12, 10, 26
TILE_HEIGHT = 54
LEVELS = 5


@dataclass(frozen=True)
class Tile:
    """An estate: where it stands, and how hot it is, 0 (nothing) to 5."""

    place: EstateHeat
    x: int
    y: int
    width: int
    height: int
    level: int


@dataclass(frozen=True)
class Frame:
    """A grid and the tiles in it."""

    grid: GridHeat
    x: int
    y: int
    width: int
    height: int
    tiles: list[Tile]


@dataclass(frozen=True)
class Picture:
    """The whole schematic."""

    width: int
    height: int
    frames: list[Frame]


def draw(heat: Heat) -> Picture:
    """Frames in rows of three, each as high as its row needs; tiles two abreast, so that names fit."""
    width = (WIDTH - GAP * (COLUMNS - 1)) // COLUMNS
    frames: list[Frame] = []
    y = 0
    for begin in range(0, len(heat.grids), COLUMNS):
        row = heat.grids[begin : begin + COLUMNS]
        height = max(_height(grid) for grid in row)
        for place, grid in enumerate(row):
            x = place * (width + GAP)
            frames.append(Frame(grid, x, y, width, height, _tiles(grid, x, y, width, heat.most)))
        y += height + GAP
    return Picture(WIDTH, max(0, y - GAP), frames)


def _height(grid: GridHeat) -> int:
    rows = -(-len(grid.places) // 2)
    return HEAD + rows * (TILE_HEIGHT + 6) + PAD


def _tiles(grid: GridHeat, x: int, y: int, width: int, most: int) -> list[Tile]:
    abreast = 2 if len(grid.places) > 1 else 1
    tile = (width - 2 * PAD - 6 * (abreast - 1)) // abreast
    return [
        Tile(
            place,
            x + PAD + (n % abreast) * (tile + 6),
            y + HEAD + (n // abreast) * (TILE_HEIGHT + 6),
            tile,
            TILE_HEIGHT,
            level(place.opened, most),
        )
        for n, place in enumerate(grid.places)
    ]


def level(number: int, most: int) -> int:
    """0 for nothing, else 1 to 5 by its share of the largest."""
    return 0 if number == 0 or most == 0 else max(1, -(-number * LEVELS // most))
