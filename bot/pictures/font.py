"""The typeface of the pictures: the one that ships with us, or the operator's own."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

_PACKAGE, _FILE = "manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc"  # Noto Sans CJK under the SIL Open Font License
_SIMPLIFIED = "SC"  # a collection has a face for each country: the same characters are written differently there
_MOST_FACES = 40
_PROBE = "诉求办结周报小区超时"


class NoFont(Exception):
    """There is no typeface with Chinese characters that can be used; the text says why and what to do."""


@dataclass(frozen=True)
class Typeface:
    """One face of a font file, in any size and weight that it has."""

    path: Path
    index: int
    name: str
    variable: bool

    def sized(self, pixels: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
        """Ready to draw with."""
        return _sized(self, pixels, bold)


@lru_cache(maxsize=64)
def _sized(face: Typeface, pixels: int, bold: bool) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(face.path), pixels, index=face.index)
    if face.variable:
        font.set_variation_by_axes([700 if bold else 400])
    return font


def typeface(own: str = "") -> Typeface:
    """The operator's own font file, or the one that ships with us.

    Raises:
        NoFont: it is not there, cannot be read, or has no Chinese characters.
    """
    path = Path(own) if own else _shipped()
    if not path.is_file():
        raise NoFont(f"{path} is not there. Write the path of a font file with Chinese characters, or leave it empty")
    try:
        faces = _faces(path)
    except OSError as error:
        raise NoFont(f"{path} cannot be read as a font: {error}. Write the path of a TTF, OTF or TTC file") from None
    face = next((one for one in faces if _SIMPLIFIED in one.name.split()), faces[0])
    if not _writes_chinese(face):
        raise NoFont(f"{path} has no Chinese characters. Write the path of a font file that has them")
    return face


def _shipped() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise NoFont("the package manimgx-fonts-cjk is not installed. Run `make setup`, or name a font file")
    return Path(found.origin).with_name(_FILE)


def _faces(path: Path) -> Sequence[Typeface]:
    faces: list[Typeface] = []
    for index in range(_MOST_FACES):
        try:
            font = ImageFont.truetype(str(path), 20, index=index)
        except OSError:
            if not faces:
                raise
            break  # the file has no more
        faces.append(Typeface(path, index, font.getname()[0] or "", _has_weights(font)))
        if path.suffix.lower() not in (".ttc", ".otc"):
            break
    return faces


def _has_weights(font: ImageFont.FreeTypeFont) -> bool:
    try:
        axes = font.get_variation_axes()
    except OSError:
        return False
    return [axis["name"] for axis in axes] == [b"Weight"]  # a font with other axes is drawn as it is


def _writes_chinese(face: Typeface) -> bool:
    """A font without a character draws the same box for all of them."""
    font = face.sized(32)
    return len({bytes(font.getmask(character)) for character in _PROBE}) > len(_PROBE) // 2
