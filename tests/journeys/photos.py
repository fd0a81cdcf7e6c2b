"""A photo as a telephone takes it."""

import io

from PIL import Image


def a_photo(width: int = 80, height: int = 60) -> bytes:
    """A small JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (60, 150, 90)).save(buffer, "JPEG")
    return buffer.getvalue()
