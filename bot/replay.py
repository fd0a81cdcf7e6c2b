"""`xiaoshao replay`: conversations from a file, played through the real dispatcher on throw-away databases."""

import difflib
import io
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import select

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import message_update
from bot.clock import ManualClock
from bot.conversation.dialogue import restored
from bot.settings import Settings
from nlu.understanding import REQUEST_INTENTS, Understander
from workflows.cases import NewReport
from workflows.database import Database
from workflows.media import clean, keep
from workflows.models import Account, Case, CaseEvent, Chat, Outbound, Person, Post, Reporter
from workflows.office import Office
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.permissions import Role
from workflows.policy.places import Address

ACTORS = ("resident", "grid_worker", "property", "secretary", "department")
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday morning in Hohhot
PHOTO = "[图片]"
_RUNGS = {rung.value: rung for rung in Rung}


class ReplayError(Exception):
    """A line of the file cannot be played; the text names file, line and what to mend."""


@dataclass(frozen=True)
class Script:
    """One conversation to play."""

    id: str
    actor: str
    setup: tuple[Mapping[str, Any], ...]
    turns: tuple[str, ...]


def read_scripts(path: Path) -> list[Script]:
    """All conversations of a JSONL file.

    Raises:
        ReplayError: naming the line.
    """
    scripts = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            scripts.append(_script(f"{path}:{number}", line))
    if not scripts:
        raise ReplayError(f"{path}: there is no conversation in it")
    return scripts


def _script(where: str, line: str) -> Script:
    try:
        raw = json.loads(line)
    except json.JSONDecodeError as error:
        raise ReplayError(f"{where}: is not JSON: {error.msg}") from None
    if not isinstance(raw, dict) or "id" not in raw or not isinstance(raw.get("turns"), list):
        raise ReplayError(f'{where}: needs "id" and a list "turns"')
    actor = raw.get("actor", "resident")
    _one_of(where, "actor", actor, ACTORS)
    for number, turn in enumerate(raw["turns"]):
        if not isinstance(turn, str | int):
            raise ReplayError(f"{where}: turns[{number}] must be a text; found {turn!r}")
    setup = raw.get("setup") or []
    if not isinstance(setup, list):
        raise ReplayError(f'{where}: "setup" must be a list of cases; found {setup!r}')
    cases = tuple(_setup_case(where, f"setup[{number}]", case) for number, case in enumerate(setup))
    return Script(str(raw["id"]), actor, cases, tuple(str(turn) for turn in raw["turns"]))


_KEYS = ("category", "estate", "building", "unit", "room", "place", "text", "reporter", "rung", "status", "days_ago")


def _setup_case(where: str, key: str, written: Any) -> Mapping[str, Any]:
    """A case that exists beforehand, checked. What is null counts as not written, what nobody knows as a remark."""
    if not isinstance(written, dict):
        raise ReplayError(f"{where}: {key} must be an object; found {written!r}")
    for name in sorted(written.keys() - set(_KEYS)):
        if near := difflib.get_close_matches(name, _KEYS, n=1, cutoff=0.75):
            raise ReplayError(f"{where}: {key} has an unknown key {name!r}; did you mean {near[0]!r}?")
    case: dict[str, Any] = {name: value for name, value in written.items() if value is not None}
    _one_of(where, f"{key}.category", case.get("category", "other_request"), sorted(REQUEST_INTENTS))
    _one_of(where, f"{key}.rung", case.get("rung") or Rung.GRID_BRANCH, list(_RUNGS))
    _one_of(where, f"{key}.reporter", case.get("reporter", "self"), ("self", "other"))
    days = case.get("days_ago", 0)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= 3650:
        raise ReplayError(f"{where}: {key}.days_ago must be a number of days from 0 to 3650; found {days!r}")
    status = case.get("status") or "open"
    with_rung = {f"with_{rung}": rung for rung in _RUNGS}
    _one_of(where, f"{key}.status", status, [*_PATHS, *with_rung, *_STATUS_WORDS])
    if status in with_rung and (case.get("rung") or with_rung[status]) != with_rung[status]:
        raise ReplayError(
            f"{where}: {key}.status {status!r} contradicts its rung {case['rung']!r}: leave one of them out"
        )
    if status == "unfounded" and case.get("rung", Rung.GRID_BRANCH) != Rung.GRID_BRANCH:
        raise ReplayError(f"{where}: {key}.status 'unfounded' is the grid's finding: write rung grid_branch")
    if status in with_rung:
        case |= {"rung": with_rung[status], "status": "open"}
    return case


def _one_of(where: str, key: str, value: Any, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ReplayError(f"{where}: unknown {key} {value!r}; write one of {', '.join(allowed)}")


async def replay(
    settings: Settings, scripts: Iterable[Script], understander: Understander
) -> AsyncIterator[dict[str, Any]]:
    """Play each script on its own copy of a fresh demo database; yields the objects that DESIGN.md describes."""
    with tempfile.TemporaryDirectory(prefix="xiaoshao-replay-") as folder:
        root = Path(folder)
        template = root / "template.db"
        fresh = settings.model_copy(
            update={"storage": root, "demo": settings.demo.model_copy(update={"enabled": True})}
        )
        app = App(
            fresh,
            clock=ManualClock(START),
            understander=understander,
            database=Database(f"sqlite+aiosqlite:///{template}"),
        )
        await app.prepare()
        await app.database.close()
        for number, script in enumerate(scripts):
            copy = root / f"{number}.db"
            shutil.copyfile(template, copy)
            yield await _play(fresh, script, understander, copy)
            for suffix in ("", "-wal", "-shm"):
                copy.with_name(copy.name + suffix).unlink(missing_ok=True)


async def _play(settings: Settings, script: Script, understander: Understander, file: Path) -> dict[str, Any]:
    clock = ManualClock(START)
    app = App(settings, clock=clock, understander=understander, database=Database(f"sqlite+aiosqlite:///{file}"))
    try:
        await app.prepare()
        chat = "900001"
        person_id, placed = await _stage(app, clock, script, chat)
        replies, acts = [], []
        emergency = handed = False
        for number, text in enumerate(script.turns, 1):
            clock.forward(timedelta(seconds=1))
            said, notes = await _turn(app, chat, number, text)
            replies.append(said)
            acts.append(notes.act)
            emergency, handed = emergency or notes.emergency, handed or notes.handed
            asked = {"location": "location", "problem": "problem", "case": "case", "same": "case"}.get(notes.asked)
        return {
            "id": script.id,
            "replies": replies,
            "acts": acts,
            "cases": await _cases(app, person_id, placed),
            "asked": asked if script.turns else None,
            "emergency": emergency,
            "handed_to_person": handed,
        }
    finally:
        await app.database.close()


async def _turn(app: App, chat: str, number: int, text: str) -> tuple[list[str], Any]:
    photo = ""
    extra: dict[str, Any] | None = None
    if text.strip() == PHOTO:
        photo, text = await _photo(app), ""
        extra = {"photo_id": photo}
    async with app.database.reading() as session:
        before = (await session.execute(select(Outbound.id).order_by(Outbound.id.desc()).limit(1))).scalar() or 0
    update = message_update(number, chat, int(app.clock.now().timestamp()), text, photo)
    if extra:
        update["xiaoshao"] = extra
    async with app.database.writing() as session:  # what a turn leaves behind is reported per turn
        row = (
            await session.execute(select(Chat).where(Chat.channel == CHANNEL, Chat.chat_key == chat))
        ).scalar_one_or_none()
        if row is not None:
            row.data = {**row.data, "emergency": False, "handed": False}
    await app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, update)
    await app.turns.drain()
    async with app.database.reading() as session:
        rows = (
            await session.execute(
                select(Outbound)
                .where(Outbound.id > before, Outbound.channel == CHANNEL, Outbound.chat_key == chat)
                .order_by(Outbound.id)
            )
        ).scalars()
        said = [_text(row.payload) for row in rows if row.method.startswith("Send")]
        state = (await session.execute(select(Chat).where(Chat.channel == CHANNEL, Chat.chat_key == chat))).scalar_one()
        return said, restored(state.data)


def _text(payload: Mapping[str, Any]) -> str:
    """A reply as a channel without buttons shows it: the choices as numbered lines."""
    text = str(payload.get("text") or payload.get("caption") or "")
    rows = (payload.get("reply_markup") or {}).get("inline_keyboard", [])
    options = [button["text"] for row in rows for button in row]
    return "\n".join([text, *(f"{n}. {option}" for n, option in enumerate(options, 1))])


async def _photo(app: App) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (120, 140, 90)).save(buffer, "JPEG")
    photo = clean(buffer.getvalue(), 1)
    keep(app.settings.storage, photo)
    async with app.database.writing() as session:
        await app.office(session).photos.register(photo, app.directory.communities[0].id, None)
    return photo.id


# ---- the stage


async def _stage(app: App, clock: ManualClock, script: Script, chat: str) -> tuple[int, list[int]]:
    """The actor with their post, and the cases that exist beforehand, brought there by legitimate moves."""
    async with app.database.writing() as session:
        first = app.directory.communities[0]
        actor = Person(community_id=first.id, name="测试的人", created_at=clock.now())
        other = Person(community_id=first.id, name="邻居", created_at=clock.now())
        session.add_all([actor, other])
        await session.flush()
        session.add(Account(community_id=first.id, person_id=actor.id, channel=CHANNEL, chat_key=chat))
        await session.flush()
        placed = []
        for spec in script.setup:
            clock.set(START - timedelta(days=float(spec.get("days_ago") or 0)))
            placed.append(await _place(app.office(session), spec, actor.id, other.id, script.actor))
        clock.set(START)
        await _appoint(app, session, script, actor, placed)
        return actor.id, placed


async def _place(office: Office, spec: Mapping[str, Any], actor: int, other: int, role: str) -> int:
    self_reported = spec.get("reporter", "self" if role == "resident" else "other") == "self"
    named = "".join(str(spec.get(part) or "") for part in ("estate", "building", "place"))
    entities = {k: [str(spec[k])] for k in ("estate", "building", "unit", "room", "place") if spec.get(k)}
    address = office.directory.locate(named, prefer_community=None, entities=entities) if named else Address()
    text = str(spec.get("text") or office.rules.categories[spec.get("category", "other_request")])
    view = await office.cases.open(
        NewReport(
            person_id=actor if self_reported else other,
            community_id=office.directory.communities[0].id,
            category=spec.get("category", "other_request"),
            text=text,
            address=address,
        )
    )
    case = await office.file.case(view.id)
    await _climb(office, case, str(spec.get("rung") or case.rung))
    await _bring(office, case, str(spec.get("status") or "open"))
    office.notices.clear()
    return case.id


async def _climb(office: Office, case: Case, rung: str) -> None:
    wanted = _RUNGS.get(rung, Rung(case.rung))
    move = office.file.move
    if wanted is Rung.GRID_BRANCH and case.grid_id is not None and Rung(case.rung) is not wanted:
        case.rung, case.status = Rung.GRID_BRANCH, "with_grid_branch"
        case.holder_unit_id = office.directory.branch_of(case.grid_id)
    if wanted is not Rung.GRID_BRANCH:
        case.verified = True
    if Rung(case.rung) is wanted:
        return
    if wanted is Rung.PROPERTY:
        await move(case, Action.HAND_TO_PROPERTY)
        return
    if Rung(case.rung) is Rung.GRID_BRANCH:
        await move(case, Action.HAND_TO_COMMUNITY)
    if wanted is Rung.DEPARTMENT:
        unit = case.department_unit_id or next(
            (u.id for u in office.directory.units_of(case.community_id, "department")), None
        )
        await move(case, Action.BLOW_WHISTLE, holder_unit_id=unit, note="需要部门处理")


_PATHS: dict[str, tuple[Action, ...]] = {
    "open": (),
    "waiting_for_resident": (Action.ASK_RESIDENT,),
    "to_confirm": (Action.REPORT_RESULT,),
    "to_judge": (Action.REPORT_RESULT, Action.CONFIRM),
    "solved": (Action.REPORT_RESULT, Action.CONFIRM, Action.JUDGE_SOLVED),
    "unanswered": (Action.REPORT_RESULT, Action.CONFIRM, Action.ASK_AGAIN, Action.CLOSE_UNANSWERED),
    "withdrawn": (Action.WITHDRAW,),
    "unfounded": (Action.NOT_TRUE, Action.CLOSE_UNFOUNDED),
}
_STATUS_WORDS = {
    "waiting": "waiting_for_resident", "paused": "waiting_for_resident", "needs_info": "waiting_for_resident",
    "reported": "to_confirm", "confirming": "to_confirm", "result_reported": "to_confirm", "done": "to_judge",
    "resolved": "to_judge", "judging": "to_judge", "asking": "to_judge", "awaiting_verdict": "to_judge",
    "awaiting_confirmation": "to_confirm", "closed": "solved", "closed_unanswered": "unanswered",
    "satisfied": "solved", "cancelled": "withdrawn",
}  # fmt: skip


async def _bring(office: Office, case: Case, status: str) -> None:
    for action in _PATHS.get(_STATUS_WORDS.get(status, status), ()):
        if action is Action.CONFIRM and case.status == "to_judge":
            continue  # at the grid's rung the grid worker is the witness already
        if action is Action.REPORT_RESULT:
            case.result, case.result_kind = "已处理", "done"
        note = {Action.ASK_RESIDENT: "请补充具体情况", Action.REPORT_RESULT: "已处理"}.get(action, "")
        await office.file.move(case, action, note=note)
        if action is Action.JUDGE_SOLVED:
            case.verdict, case.solved_at_rung = "solved", case.rung


async def _appoint(app: App, session: Any, script: Script, actor: Person, placed: list[int]) -> None:
    """The actor's post covers the place of the setup's cases; without any, the demo's first grid."""
    if script.actor == "resident":
        return
    cases = [await session.get(Case, case_id) for case_id in placed]
    case = cases[0] if cases else None
    estate_id = next((c.estate_id for c in cases if c.estate_id is not None), None)
    community = case.community_id if case is not None else app.directory.communities[0].id
    estate = app.directory.estate(estate_id) if estate_id is not None else app.directory.estates_of(community)[0]
    grids = {c.grid_id for c in cases if c.grid_id is not None} or {estate.grid_id}
    since = START - timedelta(days=400)
    actor.community_id = community
    base: dict[str, Any] = {"community_id": community, "person_id": actor.id, "since": since}
    match script.actor:
        case "grid_worker":
            for grid in grids:
                unit = app.directory.branch_of(grid)
                session.add(Post(role=Role.GRID_WORKER, grid_id=grid, unit_id=unit, **base))
        case "property":
            units = {c.holder_unit_id for c in cases if c.rung == "property"} or {estate.property_unit_id}
            for unit in units:
                session.add(Post(role=Role.PROPERTY_STAFF, unit_id=unit, **base))
        case "secretary":
            session.add(Post(role=Role.COMMUNITY_SECRETARY, unit_id=app.directory.community_unit(community), **base))
            if any(c.rung == "grid_branch" for c in cases):
                for grid in grids:
                    unit = app.directory.branch_of(grid)
                    session.add(Post(role=Role.BRANCH_SECRETARY, grid_id=grid, unit_id=unit, **base))
        case _:
            held = {c.holder_unit_id for c in cases if c.rung == "department"}
            units = held or {u.id for u in app.directory.units_of(community, "department")[:1]}
            for unit in units:
                session.add(Post(role=Role.DEPARTMENT_LIAISON, unit_id=unit, **base))


async def _cases(app: App, person_id: int, placed: list[int]) -> list[dict[str, Any]]:
    """The cases that the actor opened, joined or changed, as they are now."""
    async with app.database.reading() as session:
        acted = (
            await session.execute(
                select(CaseEvent.case_id, CaseEvent.action)
                .where(CaseEvent.actor_id == person_id, CaseEvent.at >= START)
                .order_by(CaseEvent.id)
            )
        ).all()
        own = {
            row
            for row in (
                await session.execute(select(Reporter.case_id).where(Reporter.person_id == person_id))
            ).scalars()
        }
        out = []
        for case_id in dict.fromkeys(case_id for case_id, _ in acted):
            case = await session.get_one(Case, case_id)
            joined = any(c == case_id and action == Action.JOIN for c, action in acted)
            origin = "opened"
            if case_id in placed:
                origin = "joined" if joined and case_id in own else "setup"
            out.append(
                {
                    "number": case.number,
                    "category": case.category,
                    "estate": case.estate_text or None,
                    "building": case.building_text or None,
                    "unit": case.unit_text or None,
                    "room": case.room_text or None,
                    "place": case.place_text or None,
                    "rung": case.rung,
                    "status": case.status,
                    "origin": origin,
                }
            )
        return out
