"""What the pages load: Tabler's style sheet, out of the wheel of starlette-admin, our own over it, and the icon."""

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from workflows.case_file import CaseNotFound

SHEETS = ("tabler.css", "console.css")
ICON = "icon.svg"
_OWN = Path(__file__).parent / "static" / "console.css"
_CHATS_ICON = Path(__file__).parents[1] / "channels" / "web" / "static" / ICON
_KEPT = "public, max-age=31536000, immutable"


async def style(request: Request, name: str) -> Response:
    """A style sheet, compressed where the browser takes that, kept by it until the version in its address changes."""
    if name not in (*SHEETS, ICON):
        raise CaseNotFound(name)
    kind = "image/svg+xml" if name == ICON else "text/css"
    headers = {"Cache-Control": _KEPT if request.query_params.get("v") else "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_packed(name), media_type=kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(_sheet(name), media_type=kind, headers=headers)


@cache
def address(name: str) -> str:
    """Where a sheet is served; another content has another address."""
    return f"/console/static/{name}?v={hashlib.sha256(_sheet(name)).hexdigest()[:12]}"


@cache
def _sheet(name: str) -> bytes:
    """The library is asked for its file only: importing it would load an admin site that we do not use."""
    if name != "tabler.css":
        return (_CHATS_ICON if name == ICON else _OWN).read_bytes()
    found = find_spec("starlette_admin")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("the package starlette-admin is missing: run `make setup`")
    return (Path(found.submodule_search_locations[0]) / "static/css/vendor/tabler.min.css").read_bytes()


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_sheet(name), 9, mtime=0)
