"""A picture before it is painted: bars and words with their places, and what each of them stands for."""

import io
import unicodedata
from dataclasses import dataclass, field, replace

from PIL import Image, ImageDraw, ImageFont

from bot.pictures.font import Typeface

PAPER, GROUND = "#FFFFFF", "#EDEDED"  # as the messenger's own bubbles and page
TEXT, QUIET, LINE = "#1B1F1D", "#6B7370", "#DDE2DF"
GREEN, PALE = "#07A052", "#B9DCC9"  # told apart by lightness, not by hue
_JPEG_QUALITY = 88


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; right and bottom are outside of it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Bar:
    """A filled rectangle. `of` and `key` say which number it shows ("" where it is only decoration)."""

    box: Box
    colour: str
    of: str = ""
    key: str = ""
    value: int = 0


@dataclass(frozen=True)
class Words:
    """A line of text at a point; `anchor` as in Pillow (ls: left on the baseline)."""

    x: int
    y: int
    text: str
    size: int
    colour: str = TEXT
    bold: bool = False
    anchor: str = "ls"
    of: str = ""
    key: str = ""

    def font(self, face: Typeface) -> ImageFont.FreeTypeFont:
        """What it is set in."""
        return face.sized(self.size, bold=self.bold)


@dataclass
class Sketch:
    """All that will be painted, in this order; it grows downwards."""

    face: Typeface
    width: int
    height: int = 0
    bars: list[Bar] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)

    def write(self, words: Words, room: int, tail: int = 0) -> None:
        """Put words down, cut to so many pixels: in the middle where `tail` characters of the end are to stay."""
        self.words.append(replace(words, text=fitting(words.text, words.font(self.face), room, tail)))

    def measure(self, words: Words) -> int:
        """How wide a line is."""
        return round(words.font(self.face).getlength(words.text))


def fitting(text: str, font: ImageFont.FreeTypeFont, room: int, tail: int = 0) -> str:
    """One line of plain characters that is no wider than `room`; what is cut out is told by …"""
    plain = plainly(text)
    if font.getlength(plain) <= room:
        return plain
    end = f"…{plain[-tail:] if tail else ''}"
    fits, too_long = 0, len(plain)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if font.getlength(plain[:middle] + end) <= room:
            fits = middle
        else:
            too_long = middle
    return plain[:fits] + end


def plainly(text: str) -> str:
    """Without line breaks, and without what turns the direction of writing or has no width at all."""
    kept = (" " if character.isspace() else character for character in text[:400])
    return " ".join("".join(c for c in kept if not unicodedata.category(c).startswith("C")).split())


def as_jpeg(sketch: Sketch) -> bytes:
    """Painted. Takes a fifth of a second of CPU: not for the event loop."""
    image = Image.new("RGB", (sketch.width, sketch.height), GROUND)
    draw = ImageDraw.Draw(image)
    for bar in sketch.bars:
        box = bar.box
        if box.right > box.left and box.bottom > box.top:
            draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=bar.colour)
    for words in sketch.words:
        draw.text((words.x, words.y), words.text, fill=words.colour, font=words.font(sketch.face), anchor=words.anchor)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)  # no colour fringes around letters
    return out.getvalue()
