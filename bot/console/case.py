"""The page of one case, its photos, and what may be done to it now: the chat's own acts, as forms."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import UploadFile

from bot.console import meanwhile, wording
from bot.console.meanwhile import Overtaken
from bot.console.unclear import Unclear
from bot.console.visit import Console, Visit
from bot.conversation import cards, staff
from bot.conversation.buttons import CaseDo
from bot.conversation.phrases import say
from workflows.case_file import ACTION_OF_ACT, CaseNotFound
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.case_page import CasePage, case_page, photo_of, staff_relations
from workflows.console.meanwhile import seen_now
from workflows.console.rounds import plans_of
from workflows.handling import Missing
from workflows.media import PhotoRefused, clean, keep, path_of
from workflows.office import Office
from workflows.policy.lifecycle import NotPossible
from workflows.policy.permissions import NotAllowed, Relation
from workflows.voices import MEDIA_TYPES, ending_of, is_voice

_WITH_PHOTO = frozenset({"done", "confirm", "not_fixed", "note", "assist_done"})
# What a form can do at once. What takes a conversation (choosing, asking back) is left to the chat.
_BARE = frozenset({"verify", "take_on", "head", "property", "community", "confirm", "send_whistle"})
_IN_WORDS = frozenset(
    {
        "not_true",
        "supply",
        "done",
        "cannot",
        "accept",
        "convene",
        "agree",
        "plan",
        "refuse",
        "not_fixed",
        "note",
        "send_back",
        "keep",
        "assist_done",
        "assist_plan",
        "assist_refuse",
    }
)
_WHISTLES = frozenset({"whistle", "ask_whistle"})
_DECIDES = frozenset(
    {"suspend_yes", "suspend_no", "wake", "send_whistle"}
)  # of what stood on the page, and nothing newer
_LISTENERS = frozenset({Relation.GRID_WORKER, Relation.BRANCH, Relation.COMMUNITY})  # who marks a recording as heard
_SAID = {"note": "noted", "heard": "heard", "suspend_yes": "suspended"}
# What takes two steps has a page of its own: (act, label), in the order of the chat's 更多.
FURTHER = (
    ("assist", "请部门协助"),
    ("link", "生成答复链接"),
    ("upkeep", "定期维护"),
    ("suspend", "挂账"),
    ("merge", "并案"),
    ("split", "拆分"),
)


@dataclass(frozen=True)
class Offer:
    """Something that may be done now: a bare button, or a form where it needs words."""

    act: str
    label: str
    prompt: str  # empty: no words needed
    photo: bool


class Cases:
    """One case."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/case/{case_id}", self.show, methods=["GET"])
        router.add_api_route("/case/{case_id}/{act}", self.act, methods=["POST"])
        router.add_api_route("/photo/{photo_id}", self.photo, methods=["GET"])

    async def show(self, request: Request, case_id: int) -> Response:
        """Everything about it."""
        async with self._console.looking(request) as visit:
            response = await self._page(visit, case_id)
        async with self._console.transaction() as office:
            audit.note(office, visit.viewer, Deed.LOOK, case_id=case_id)
        return response

    async def _page(self, visit: Visit, case_id: int, **more: Any) -> Response:
        page = await case_page(visit.office, visit.viewer, case_id)
        directory = visit.office.directory
        departments = directory.units_of(page.view.community_id, "department")
        answering = {u.id for u in directory.departments_for(page.view.community_id, page.view.category)}
        likely = page.view.department_unit_id
        corrects = bool(page.relations & {"grid_worker", "branch_secretary", "community"}) and page.view.open
        typed = {"opened": "", "note": "", **more.pop("typed", {})}
        return self._console.page(
            "case.html",
            visit,
            page=page,
            offers=offers(page),
            departments=sorted(departments, key=lambda u: (u.id != likely, u.id not in answering, u.name)),
            corrects=corrects,
            typed=typed,
            whistles=_WHISTLES,
            listens=bool(page.relations & _LISTENERS),
            further=[(act, label) for act, label in FURTHER if act in page.may],
            plans=await plans_of(visit.office, visit.viewer, case_id),
            links="link" in page.may and not await visit.office.handling.reachable(case_id),
            seen=meanwhile.written(await seen_now(visit.office, case_id)),
            **more,
        )

    async def act(self, request: Request, case_id: int, act: str) -> Response:
        """Do it: the same use case, the same check and the same messages as the chat's button."""
        console = self._console
        try:
            async with console.changing(request) as visit:
                case = await visit.office.file.case(case_id, lock=False)
                await staff_relations(visit.office, visit.viewer, case)
                if act in _DECIDES:
                    await self._nobody_else(visit, case_id)
                await self._do(visit, case_id, act)
                audit.note(visit.office, visit.viewer, Deed.ACT, act, case_id=case_id)
        except (Missing, PhotoRefused) as missing:
            limit = console.settings.channels.web.photo_limit_mb
            return await self._again(request, case_id, act, say(missing.phrase, limit=limit))
        except (Unclear, Overtaken) as unclear:
            return await self._again(request, case_id, act, str(unclear))
        except NotPossible as error:
            return await self._again(request, case_id, act, f"没有办成：这件事现在是“{cards.STATE[error.status]}”。")
        except NotAllowed:
            return await self._again(request, case_id, act, say("not_allowed"), 403)
        async with console.looking(request) as visit:
            try:
                case = await visit.office.file.case(case_id, lock=False)
                await staff_relations(visit.office, visit.viewer, case)
            except CaseNotFound:  # handed on: it is no longer theirs to look at
                return console.back_to("/console/desk", "done")
        return console.back_to(f"/console/case/{case_id}", _SAID.get(act, "done"))

    async def _nobody_else(self, visit: Visit, case_id: int) -> None:
        """A decision is about what stood on the page.

        Raises:
            Overtaken: somebody has acted since.
        """
        await visit.office.file.case(case_id)
        if await meanwhile.told(visit):
            raise Overtaken("没有办，请看过再决定。")

    async def _again(self, request: Request, case_id: int, act: str, wrong: str, status: int = 422) -> Response:
        """The page as it is now, with what was typed still in its form: nothing is lost. And what others did meanwhile."""
        form = await request.form(max_files=4, max_fields=30)
        note = form.get("note", "")
        async with self._console.looking(request) as visit:
            visit.form = form
            if came := await meanwhile.told(visit):
                wrong = f"{wrong}您打开这一页以后，{came}。"
            typed = {"opened": act, "note": note if isinstance(note, str) else ""}
            return await self._page(visit, case_id, status=status, wrong=wrong, typed=typed)

    async def _do(self, visit: Visit, case_id: int, act: str) -> None:
        note, me, office = visit.posted("note"), visit.viewer.person_id, visit.office
        match act:
            case "whistle" | "ask_whistle":
                await self._whistle(visit, case_id, act)
            case "heard" | "suspend_yes" | "suspend_no" | "wake":
                await self._decide(office, me, case_id, act, note)
            case "fix_kind":
                category = visit.posted("category")
                if category not in self._console.settings.categories:
                    raise Unclear("请选一个类别。")
                await office.cases.reclassify(me, case_id, category)
            case "fix_place":
                found = office.directory.locate(note, prefer_community=visit.viewer.community_id)
                if not note or not found.routable:
                    raise Unclear("名册里没有这个地方。请写小区和楼号，比如：富邦小区3号楼2单元。")
                await office.cases.relocate(me, case_id, found)
            case _ if act in _BARE | _IN_WORDS:
                photos = await photos_of(self._console, visit) if act in _WITH_PHOTO else []
                if act in _IN_WORDS and not note and not photos:
                    raise Missing(staff.ASKS_WORDS[act])
                await staff.perform(self._console.talk(visit), act, case_id, note, photos)
            case _:
                raise CaseNotFound(case_id)

    @staticmethod
    async def _decide(office: Office, me: int, case_id: int, act: str, note: str) -> None:
        """听过了, and what becomes of 挂账."""
        match act:
            case "heard":
                await office.handling.heard(me, case_id)
            case "suspend_yes":
                await office.suspending.approve(me, case_id)
            case "suspend_no":
                await office.suspending.refuse(me, case_id, note)
            case _:
                await office.suspending.wake(me, case_id)

    async def _whistle(self, visit: Visit, case_id: int, act: str) -> None:
        """吹哨 by the community, or the grid's wish for one."""
        office, me, note = visit.office, visit.viewer.person_id, visit.posted("note")
        photos = await photos_of(self._console, visit)
        if photos:
            await office.cases.attach(case_id, photos)
        unit = visit.number(visit.posted("department"))
        known = {u.id for u in office.directory.units_of(visit.viewer.community_id, "department")}
        if unit not in known or unit is None:
            raise Unclear("请选一个部门：吹给谁？")
        do = office.handling.blow_whistle if act == "whistle" else office.handling.propose_whistle
        await do(me, case_id, unit, note, "" if photos else visit.posted("no_photo"))

    async def photo(self, request: Request, photo_id: str) -> Response:
        """A photo or a recording of a case that the viewer may see."""
        async with self._console.looking(request) as visit:
            await photo_of(visit.office, visit.viewer, photo_id)
        path = path_of(self._console.settings.storage, photo_id)
        if not path.is_file():
            raise CaseNotFound(photo_id)
        kind = MEDIA_TYPES[ending_of(photo_id)] if is_voice(photo_id) else "image/jpeg"
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=300"})


async def photos_of(console: Console, visit: Visit) -> list[str]:
    """Photos of the form: checked by content, drawn anew, kept and entered.

    Raises:
        PhotoRefused: one of them is none, or too large. Nothing of the form is done then.
    """
    settings, kept = console.settings, []
    limit = settings.channels.web.photo_limit_mb
    for upload in visit.form.getlist("photo"):
        if not isinstance(upload, UploadFile) or not upload.filename:
            continue
        content = await upload.read(limit * 1024 * 1024 + 1)
        photo = await asyncio.to_thread(clean, content, limit)
        await asyncio.to_thread(keep, settings.storage, photo)
        kept.append(await visit.office.photos.register(photo, visit.viewer.community_id, visit.viewer.person_id))
    return kept


def offers(page: CasePage) -> Sequence[Offer]:
    """What the viewer's posts may do with the case now: the buttons of the chat's card, each once."""
    found: dict[str, Offer] = {}
    for relation in page.relations:
        for row in cards.staff_rows(page.view, wording.ROLE_OF.get(relation, relation)):
            for button in row:
                if not button.data.startswith("c:"):
                    continue
                act = CaseDo.unpack(button.data).act
                if act in _BARE | _IN_WORDS | _WHISTLES and act in page.may:
                    prompt = say(staff.ASKS_WORDS[act]) if act in staff.ASKS_WORDS else ""
                    found.setdefault(act, Offer(act, button.text, prompt, act in _WITH_PHOTO))
    if "note" in page.may:
        found.setdefault("note", Offer("note", "记一笔", "给同事看的备注，居民看不到。", photo=True))
    order = list(ACTION_OF_ACT)
    return sorted(found.values(), key=lambda offer: (bool(offer.prompt), order.index(offer.act)))
