"""The directory's pages: units and places are looked at, edited, closed and taken along as the file that the import reads."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console.exports import MIME, as_file
from bot.console.visit import Console, Visit
from bot.processes.bell import ring
from bot.processes.directory_watch import DIRECTORY
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.directory.closing import CLOSABLE_UNITS, close, closing
from workflows.console.directory.drafts import FIELDS, EntryRefused, Kind, NoSuchEntry
from workflows.console.directory.listing import buildings_of, entry, listing
from workflows.console.directory.saving import save, save_buildings
from workflows.directory_file.exporting import export_file
from workflows.directory_file.vocabulary import CATEGORIES, COMMITTEES, TABLE, UNIT_KINDS

_FORMS = {"xlsx": MIME["xlsx"], "yml": "application/yaml; charset=utf-8"}
_PAGES = (Kind.ESTATE, Kind.GRID, Kind.UNIT, Kind.LANDMARK)  # a building is entered on the page of its estate


class DirectoryPages:
    """名录."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/directory", self.show, methods=["GET"])
        router.add_api_route("/directory/export.{form}", self.export, methods=["GET"])
        router.add_api_route("/directory/{kind}/new", self.blank, methods=["GET"])
        router.add_api_route("/directory/{kind}", self.enter, methods=["POST"])
        router.add_api_route("/directory/{kind}/{entry_id}", self.edit, methods=["GET"])
        router.add_api_route("/directory/{kind}/{entry_id}", self.keep, methods=["POST"])
        router.add_api_route("/directory/estates/{entry_id}/buildings", self.keep_buildings, methods=["POST"])
        router.add_api_route("/directory/{kind}/{entry_id}/close", self.before_closing, methods=["GET"])
        router.add_api_route("/directory/{kind}/{entry_id}/close", self.close, methods=["POST"])

    # ---- looking

    async def show(self, request: Request) -> Response:
        """Everything that there is."""
        async with self._console.looking(request) as visit:
            found = await listing(visit.office, visit.viewer)
            return self._console.page("directory.html", visit, found=found, unit_kinds=UNIT_KINDS)

    async def export(self, request: Request, form: str) -> Response:
        """The file that `xiaoshao directory import` reads."""
        if form not in _FORMS:
            raise NoSuchEntry(form)
        async with self._console.looking(request) as visit:
            visit.viewer.needs_office()
            name = visit.office.directory.community(visit.viewer.community_id).name
            with tempfile.TemporaryDirectory(prefix="xiaoshao-export-") as folder:
                path = Path(folder) / f"directory.{form}"
                await export_file(visit.office.session, path, visit.viewer.community_id)
                content = await asyncio.to_thread(path.read_bytes)
        async with self._console.transaction() as office:
            audit.note(office, visit.viewer, Deed.EXPORT, f"名录 {form.upper()}")
        return Response(content, media_type=_FORMS[form], headers=as_file(f"{name}-名录.{form}"))

    async def blank(self, request: Request, kind: str) -> Response:
        """新增."""
        async with self._console.looking(request) as visit:
            visit.viewer.needs_secretary()
            return self._form(visit, _page_kind(kind), None, {"kind": visit.asked("kind")})

    async def edit(self, request: Request, kind: str, entry_id: int) -> Response:
        """修改."""
        async with self._console.looking(request) as visit:
            return await self._edited(visit, _page_kind(kind), entry_id)

    async def _edited(
        self,
        visit: Visit,
        kind: Kind,
        entry_id: int,
        typed: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
        building: Mapping[str, str] | None = None,
    ) -> Response:
        visit.viewer.needs_secretary()
        found = await entry(visit.office, visit.viewer, kind, entry_id)
        houses = await buildings_of(visit.office, visit.viewer, entry_id) if kind is Kind.ESTATE else []
        values = {**found.values, **(typed or {})}
        return self._form(
            visit, kind, entry_id, values, errors, mark=found.mark, houses=houses, building=building or {}
        )

    def _form(
        self,
        visit: Visit,
        kind: Kind,
        entry_id: int | None,
        values: Mapping[str, str],
        errors: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Response:
        directory, here = visit.office.directory, visit.viewer.community_id
        unit_kind = values.get("kind", "")
        return self._console.page(
            "entry.html",
            visit,
            status=422 if errors else 200,
            kind=kind,
            sheet=TABLE[kind].sheet if kind is not Kind.UNIT else UNIT_KINDS.get(unit_kind, ("单位",))[0],
            header=TABLE[kind].header,
            entry_id=entry_id,
            values={key: values.get(key, "") for key in FIELDS[kind]},
            chosen=values.get("answers_for", "").split("、"),
            errors=errors or {},
            grids=directory.grids_of(here),
            companies=directory.units_of(here, "property"),
            branches=directory.units_of(here, "grid_branch"),
            committees=list(COMMITTEES),
            categories={code: words[0] for code, words in CATEGORIES.items()},
            closable=kind is not Kind.UNIT or unit_kind in CLOSABLE_UNITS,
            wrong=(errors or {}).get("", ""),
            **{"mark": "", "houses": [], "building": {}, **more},
        )

    # ---- changing

    async def enter(self, request: Request, kind: str) -> Response:
        """A new one."""
        wanted = _page_kind(kind)
        try:
            async with self._console.changing(request) as visit:
                await save(visit.office, visit.viewer, wanted, None, _values(visit, wanted))
                await ring(visit.office.session, DIRECTORY)
        except EntryRefused as refused:
            async with self._console.looking(request) as again:
                return self._form(again, wanted, None, _values(visit, wanted), refused.said)
        return await self._kept(wanted)

    async def keep(self, request: Request, kind: str, entry_id: int) -> Response:
        """One that is there."""
        wanted = _page_kind(kind)
        try:
            async with self._console.changing(request) as visit:
                mark = visit.posted("mark", 40)
                await save(visit.office, visit.viewer, wanted, entry_id, _values(visit, wanted), mark)
                await ring(visit.office.session, DIRECTORY)
        except EntryRefused as refused:
            async with self._console.looking(request) as again:
                return await self._edited(again, wanted, entry_id, _values(visit, wanted), refused.said)
        return await self._kept(wanted)

    async def keep_buildings(self, request: Request, entry_id: int) -> Response:
        """Buildings of an estate, new ones or those that it has."""
        try:
            async with self._console.changing(request) as visit:
                values = {name: visit.posted(name, 400) for name in ("numbers", "units", "grid")}
                await save_buildings(visit.office, visit.viewer, entry_id, values)
                await ring(visit.office.session, DIRECTORY)
        except EntryRefused as refused:
            said = {f"building_{field}" if field else "": text for field, text in refused.said.items()}
            async with self._console.looking(request) as again:
                return await self._edited(again, Kind.ESTATE, entry_id, None, said, building=values)
        await self._console.renew()
        return self._console.back_to(f"/console/directory/estates/{entry_id}", "kept")

    async def _kept(self, kind: Kind) -> Response:
        await self._console.renew()
        return self._console.back_to("/console/directory", "kept", kind)

    # ---- closing

    async def before_closing(self, request: Request, kind: str, entry_id: int) -> Response:
        """停用: what it would mean."""
        async with self._console.looking(request) as visit:
            return await self._closing(visit, _kind(kind), entry_id)

    async def _closing(
        self, visit: Visit, kind: Kind, entry_id: int, errors: Mapping[str, str] | None = None
    ) -> Response:
        errors = errors or {}
        try:
            found = await closing(visit.office, visit.viewer, kind, entry_id)
        except EntryRefused as refused:
            return await self._edited(visit, kind, entry_id, None, refused.said)
        return self._console.page(
            "closing.html",
            visit,
            status=422 if errors else 200,
            kind=kind,
            entry_id=entry_id,
            found=found,
            errors=errors,
            wrong=errors.get("", ""),
        )

    async def close(self, request: Request, kind: str, entry_id: int) -> Response:
        """停用."""
        wanted = _kind(kind)
        try:
            async with self._console.changing(request) as visit:
                successor = visit.number(visit.posted("successor", 12))
                await close(visit.office, visit.viewer, wanted, entry_id, successor)
                await ring(visit.office.session, DIRECTORY)
        except EntryRefused as refused:
            async with self._console.looking(request) as again:
                return await self._closing(again, wanted, entry_id, refused.said)
        await self._console.renew()
        return self._console.back_to("/console/directory", "closed", wanted)


def _kind(word: str) -> Kind:
    """Raises NoSuchEntry for a word that is none."""
    if word not in list(Kind):
        raise NoSuchEntry(word)
    return Kind(word)


def _page_kind(word: str) -> Kind:
    if word not in _PAGES:
        raise NoSuchEntry(word)
    return Kind(word)


def _values(visit: Visit, kind: Kind) -> dict[str, str]:
    """What the form says of each field; a list of boxes is one value, as in the file."""
    values = {name: visit.posted(name, 400) for name in FIELDS[kind] if name != "answers_for"}
    if kind is Kind.UNIT:
        codes = [code for code in visit.form.getlist("answers_for") if isinstance(code, str)]
        values["answers_for"] = "、".join(codes)[:1000]
    return values
