"""The page's doors: headers on every answer, cookies that cannot be forged, photos for those alone who may see them."""

import asyncio
import io
import json
import re
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer
from PIL import Image
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect

from bot.app import App
from bot.channels.web.page import COOKIE, STATIC
from bot.guard import Turnstile
from bot.http import listening
from bot.operating.stopping import Stop, serve
from nlu.rasa_client import RasaClient
from tests.conftest import settings_for
from tests.town import Town
from workflows.cases import NewReport
from workflows.limits import Limits
from workflows.media import clean
from workflows.models import Media, Post, Refusal
from workflows.refusals import Why

pytestmark = pytest.mark.journey

RESIDENT, NEIGHBOUR, GRID, PROPERTY = "td-resident", "td-neighbour", "td-grid", "td-property"
SECRETS = (b"SECRETMAKER", b"SECRETCOMMENT", b"SECRETXMP", b"SECRETICC", b"Exif", b"GPS")


@pytest.fixture(name="town")
async def quiet_town(demo_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """A town whose reader is away: nothing here needs to be understood. It is no demo: a chat is opened by its cookie."""
    limits = getattr(request, "param", {})
    demo = settings_for(demo_url, tmp_path)
    real = settings_for(demo_url, tmp_path, demo={"enabled": False}, limits=limits)
    async with RasaClient("http://127.0.0.1:9", "none", timeout_seconds=0.5) as away, Town.opened(demo, away) as town:
        town.app = App(real, clock=town.clock, understander=away, database=town.app.database)
        await town.app.prepare()
        yield town


def browser(app: App, chat: str | None = None, scheme: str = "http") -> httpx.AsyncClient:
    """A visitor; with `chat`, one who has its cookie."""
    cookies = {COOKIE: signer(app).dumps(chat)} if chat is not None else {}
    transport = httpx.ASGITransport(app.http, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"{scheme}://town.test", cookies=cookies)


def signer(app: App) -> URLSafeTimedSerializer:
    key = (app.settings.storage / "secret.key").read_text("ascii")
    return URLSafeTimedSerializer(key, salt="chat")


def photo_bytes() -> bytes:
    """A JPEG that carries a maker, a position, a comment, XMP and a profile."""
    picture, out = Image.new("RGB", (64, 48), (10, 120, 60)), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 50.0, 30.0), 29: "SECRETGPS"})
    picture.save(
        out, "JPEG", exif=exif, comment=b"SECRETCOMMENT", xmp=b"<x>SECRETXMP</x>", icc_profile=b"SECRETICC" * 20
    )
    return out.getvalue()


# ---- headers


def is_guarded(response: httpx.Response) -> None:
    """Every header that a browser needs, on this answer."""
    headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    # The console's style sheet draws its arrows as pictures of its own: nothing else may come out of a document itself.
    assert all("data:" not in rule or rule.startswith("img-src ") for rule in policy.split("; "))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"]
    assert "public" not in headers["Cache-Control"]
    assert "set-cookie" not in headers or "HttpOnly" in headers["set-cookie"]


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    """Of every route, also those of included routers."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from paths_of(inner.routes)
        elif path := getattr(route, "path", None):
            yield path


async def test_every_route_and_every_error_carries_the_headers(town: Town) -> None:
    def boom() -> None:
        raise RuntimeError("the password is 1234")

    http = town.app.http
    http.add_api_route("/boom", boom)
    paths = list(paths_of(http.routes))
    assert {"/", "/static/{name}", "/api/me", "/api/photo", "/api/time", "/media/{photo_id}", "/healthz"} <= set(paths)
    files = [f"/static/{path.name}" for path in STATIC.iterdir()]
    places = (
        [re.sub(r"\{.*?\}", "x", path) for path in paths]
        + files
        + ["/nowhere", "/static/..%2fpage.py", "/media/..%2f..%2fx"]
    )
    seen = set()
    async with browser(town.app) as visitor:
        for path in places:
            visitor.cookies.clear()  # whom nobody knows yet
            for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
                response = await visitor.request(method, path)
                is_guarded(response)
                seen.add(response.status_code)
                assert "1234" not in response.text and "Traceback" not in response.text
                if path.startswith("/api"):
                    assert response.headers["Cache-Control"] == "no-store"
    assert {200, 401, 404, 405, 422, 500} <= seen


async def test_over_https_browsers_are_told_to_stay_there(town: Town) -> None:
    async with browser(town.app, scheme="https") as visitor:
        assert "max-age=" in (await visitor.get("/")).headers["Strict-Transport-Security"]
    async with browser(town.app) as visitor:
        assert "Strict-Transport-Security" not in (await visitor.get("/")).headers


def test_the_page_needs_nothing_that_the_policy_forbids() -> None:
    html = (STATIC / "chat.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:|https?://(?!www\.w3\.org)", html)
    for script in STATIC.glob("*.js"):
        text = script.read_text("utf-8")
        assert not re.search(
            r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|setAttribute\(\"style", text
        )
    assert "url(http" not in (STATIC / "chat.css").read_text("utf-8")


# ---- cookies


async def test_the_cookie_is_signed_and_kept_from_scripts_and_other_sites(town: Town) -> None:
    async with browser(town.app) as visitor:
        given = (await visitor.get("/")).headers["set-cookie"]
        assert "HttpOnly" in given and "samesite=lax" in given.lower() and "secure" not in given.lower()
        assert "set-cookie" not in (await visitor.get("/")).headers  # known again
        assert (await visitor.get("/api/me")).json() is not None
    async with browser(town.app, scheme="https") as visitor:
        assert "secure" in (await visitor.get("/")).headers["set-cookie"].lower()


@pytest.mark.parametrize("kind", ["nothing", "rubbish", "other key", "other salt", "changed"])
async def test_a_forged_cookie_opens_no_chat(town: Town, kind: str) -> None:
    chat = town.chat(RESIDENT)
    key = (town.app.settings.storage / "secret.key").read_text("ascii")
    good = signer(town.app).dumps(chat)
    forged = {
        "nothing": "",
        "rubbish": chat,
        "other key": URLSafeTimedSerializer("guess", salt="chat").dumps(chat),
        "other salt": URLSafeTimedSerializer(key, salt="console").dumps(chat),
        "changed": good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
    }[kind]
    async with browser(town.app) as visitor:
        visitor.cookies.set(COOKIE, forged)
        answer = await visitor.post("/api/photo", data={"chat": chat, "client_id": "1"}, files={"file": photo_bytes()})
        assert answer.status_code == 403
    assert await town.rows(Media) == []


async def test_a_cookie_that_nobody_used_for_a_year_is_void(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    old = signer(town.app)
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 1_000_000_000)
    cookie = old.dumps(town.chat(RESIDENT))
    monkeypatch.undo()
    async with browser(town.app) as visitor:
        visitor.cookies.set(COOKIE, cookie)
        assert "set-cookie" in (await visitor.get("/")).headers


# ---- photos


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7 not a photo", "不是照片"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "不是照片"),
        (b"\xff\xd8\xff\xe0 broken", "不是照片"),
        (b"", "不是照片"),
        (b"\xff\xd8" + b"x" * (10 * 1024 * 1024 + 1), "太大"),
    ],
)
async def test_a_photo_is_judged_by_its_content(town: Town, content: bytes, said: str) -> None:
    chat = town.chat(RESIDENT)
    async with browser(town.app, chat) as visitor:
        files = {"file": ("a.jpg", content, "image/jpeg")}
        answer = await visitor.post("/api/photo", data={"chat": chat, "client_id": "1"}, files=files)
    assert answer.status_code == 400 and said in answer.json()["error"]
    assert await town.rows(Media) == []
    assert not list((town.app.settings.storage / "photos").rglob("*.jpg"))


def test_nothing_but_the_picture_is_kept() -> None:
    original = photo_bytes()
    assert all(secret in original for secret in SECRETS[:4])
    kept = clean(original, 10)
    assert not [secret for secret in SECRETS if secret in kept.jpeg]
    with Image.open(io.BytesIO(kept.jpeg)) as picture:
        assert picture.format == "JPEG" and not picture.getexif() and "comment" not in picture.info


async def uploaded(town: Town, who: str) -> str:
    """A photo that somebody sends on the page; its id."""
    chat = town.chat(who)
    async with browser(town.app, chat) as visitor:
        files = {"file": ("a.jpg", photo_bytes(), "image/jpeg")}
        answer = await visitor.post("/api/photo", data={"chat": chat, "client_id": "p1"}, files=files)
        assert answer.status_code == 200, answer.text
        await town.settled()
        return str(answer.json()["bubble"]["photo"]).removeprefix("/media/")


async def sees(town: Town, who: str | None, photo: str) -> bool:
    async with browser(town.app, town.chat(who) if who else None) as visitor:
        answer = await visitor.get(f"/media/{photo}")
        is_guarded(answer)
        if answer.status_code == 200:
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Cache-Control"].startswith("private")
            assert not [secret for secret in SECRETS if secret in answer.content]
        return answer.status_code == 200


async def test_a_photo_is_for_those_alone_who_may_see_its_case(town: Town) -> None:
    photo = await uploaded(town, RESIDENT)
    people = {key: (await town.person(key)).id for key in (RESIDENT, NEIGHBOUR, GRID, PROPERTY)}
    assert await sees(town, RESIDENT, photo)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        community = (await town.person(RESIDENT)).community_id
        where = town.app.directory.locate("富邦小区3号楼2单元", prefer_community=community)
        report = NewReport(people[RESIDENT], community, "street_light", "楼道灯不亮", where, photos=(photo,))
        case_id = (await office.cases.open(report)).id
        await town.app.announcer.announce(office)
    await town.settled()
    assert await sees(town, GRID, photo)
    assert [
        await sees(town, who, photo) for who in (None, NEIGHBOUR, PROPERTY, "sq-grid", "sq-secretary", "stranger")
    ] == [False] * 6

    async with (
        town.app.database.writing() as session
    ):  # a neighbour joins: the reporter's own photo is not shown to them
        await town.app.office(session).cases.join(people[NEIGHBOUR], case_id, "我也是")
    assert not await sees(town, NEIGHBOUR, photo)
    repair = await uploaded(town, GRID)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        await office.handling.report_result(people[GRID], case_id, "换好了", [repair])
        await town.app.announcer.announce(office)
    await town.settled()
    assert await sees(town, NEIGHBOUR, repair) and await sees(town, RESIDENT, repair)
    assert not await sees(town, "sq-grid", repair)

    async with town.app.database.writing() as session:  # she leaves again, and the grid worker is dismissed
        await town.app.office(session).cases.withdraw(people[NEIGHBOUR], case_id)
        for post in (await session.execute(select(Post).where(Post.person_id == people[GRID]))).scalars():
            post.until = town.clock.now()
    assert not await sees(town, NEIGHBOUR, repair)
    assert not await sees(town, GRID, photo)
    assert await sees(town, RESIDENT, photo)


async def test_photos_lie_outside_of_what_is_served_under_names_that_nobody_guesses(town: Town) -> None:
    first, second = await uploaded(town, RESIDENT), await uploaded(town, NEIGHBOUR)
    assert len(first) >= 32 and first[:8] != second[:8]
    folder = town.app.settings.storage.resolve()
    assert STATIC.resolve() not in folder.parents and folder not in STATIC.resolve().parents
    async with browser(town.app, town.chat(RESIDENT)) as visitor:
        for path in (
            f"/static/{first}.jpg",
            f"/photos/{first[:2]}/{first}.jpg",
            "/static/..%2f..%2fsecret.key",
            f"/media/{first}.jpg",
        ):
            assert (await visitor.get(path)).status_code == 404


# ---- too often


def test_a_turnstile_lets_so_many_through_and_forgets_in_time() -> None:
    now = 0.0
    gate = Turnstile(60, lambda: now)
    assert sum(gate.passes("a") for _ in range(100)) == 60
    assert gate.passes("b")
    now = 10.0
    assert sum(gate.passes("a") for _ in range(100)) == 10


@pytest.mark.parametrize("town", [{"requests_per_minute": 60}], indirect=True)
async def test_who_asks_too_often_waits_and_nobody_else_does(town: Town) -> None:
    most = town.app.settings.limits.requests_per_minute
    async with browser(town.app, town.chat(RESIDENT)) as visitor, browser(town.app, town.chat(NEIGHBOUR)) as other:
        found = [(await visitor.get("/api/me")).status_code for _ in range(most + 30)]
        assert found[:most] == [200] * most and found[-1] == 429
        late = await visitor.get("/media/x")
        assert late.status_code == 429 and late.headers["Retry-After"]
        is_guarded(late)
        assert (await visitor.get("/static/chat.js")).status_code == 200
        assert (await other.get("/api/me")).status_code == 200


async def test_so_many_photos_an_hour_whichever_process_is_asked(town: Town) -> None:
    chat, most = town.chat(RESIDENT), town.app.settings.limits.photos_per_hour
    person = await town.person(RESIDENT)
    async with town.app.database.writing() as session:
        for number in range(most):
            session.add(
                Media(
                    id=f"m{number}", community_id=person.community_id, uploaded_by=person.id, width=1, height=1, size=1,
                    created_at=town.clock.now() - timedelta(minutes=30),
                )
            )  # fmt: skip
    async with browser(town.app, chat) as visitor:
        send: dict[str, Any] = {"data": {"chat": chat, "client_id": "1"}, "files": {"file": photo_bytes()}}
        answer = await visitor.post("/api/photo", **send)
        assert answer.status_code == 429 and "一个小时以后" in answer.json()["error"]
        town.clock.set(town.clock.now() + timedelta(minutes=31))
        assert (await visitor.post("/api/photo", **send)).status_code == 200
    async with town.app.database.reading() as session:
        allowance = town.app.settings.limits.of(staff=False)
        assert await Limits(session, town.clock.now()).photos_until(person.id, allowance) is None


# ---- what is not offered


@asynccontextmanager
async def line(town: Town, chat: str) -> AsyncIterator[ClientConnection]:
    """An open socket of somebody who has the cookie of a chat."""
    stop = Stop()
    with listening("127.0.0.1", 0) as sockets:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(town.app.http, sockets, stop))
            address = f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/ws"
            cookie = {"Cookie": f"{COOKIE}={signer(town.app).dumps(chat)}"}
            try:
                async with connect(address, additional_headers=cookie) as socket:
                    yield socket
            finally:
                stop.ask(signal.SIGTERM)


async def said(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this kind."""
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == kind:
            return message


async def test_what_was_never_offered_and_chats_of_others_are_kept_for_the_operator(town: Town) -> None:
    await town.says(RESIDENT, "/menu")
    bubble = (await town.bubbles(RESIDENT))[-1]
    mine, other = town.chat(RESIDENT), town.chat(NEIGHBOUR)
    async with line(town, mine) as socket:
        tap = {"type": "tap", "chat": mine, "client_id": "q1", "bubble": bubble.id, "data": "c:solved:1"}
        await socket.send(json.dumps(tap))
        assert "过时" in (await said(socket, "refused"))["reason"]
        await socket.send(json.dumps({"type": "text", "chat": other, "client_id": "q2", "text": "我是邻居"}))
        assert (await said(socket, "refused"))["client_id"] == "q2"
        await socket.send(json.dumps({"type": "text", "chat": mine, "client_id": "q3", "text": "灯不亮"}))
        assert (await said(socket, "ack"))["client_id"] == "q3"
    rows = await town.rows(Refusal)
    person = (await town.person(RESIDENT)).id
    assert [(row.why, row.what, row.person_id) for row in rows] == [
        (Why.NOT_OFFERED, "c:solved:1", person),
        (Why.NOT_THEIR_CHAT, "text", person),
    ]


@pytest.mark.parametrize("town", [{"requests_per_minute": 60}], indirect=True)
async def test_a_flood_over_the_socket_is_stopped_but_for_danger(town: Town) -> None:
    mine = town.chat(RESIDENT)
    async with line(town, mine) as socket:
        for number in range(town.app.settings.limits.requests_per_minute + 20):
            await socket.send(json.dumps({"type": "text", "chat": mine, "client_id": f"n{number}", "text": "灯"}))
        assert "太频繁" in (await said(socket, "refused"))["reason"]
        await socket.send(json.dumps({"type": "text", "chat": mine, "client_id": "fire", "text": "着火了快来人"}))
        while (await said(socket, "ack"))["client_id"] != "fire":
            pass
