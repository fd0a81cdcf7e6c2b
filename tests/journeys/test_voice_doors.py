"""The page's door for voice messages: judged by content, played to those alone who may hear, limited like photos."""

from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from bot.operating.backup import back_up
from tests.journeys.recordings import m4a, ogg, webm
from tests.journeys.test_doors import browser, quiet_town  # noqa: F401 - its fixture
from tests.town import Town
from workflows.models import Inbound, Media

pytestmark = pytest.mark.journey

RESIDENT, GRID, PROPERTY = "td-resident", "td-grid", "td-property"


async def send(
    town: Town, content: bytes, seconds: int = 3, *, sits: str = RESIDENT, client: str = "1"
) -> httpx.Response:
    """Somebody records and sends, into the resident's chat."""
    fields = {"chat": town.chat(RESIDENT), "client_id": client, "seconds": str(seconds)}
    async with browser(town.app, town.chat(sits)) as visitor:
        return await visitor.post("/api/voice", data=fields, files={"file": ("voice", content, "audio/webm")})


async def plays(town: Town, who: str | None, address: str) -> tuple[int, str]:
    """Whether the page plays it to them, and as what."""
    async with browser(town.app, town.chat(who) if who else None) as visitor:
        answer = await visitor.get(address)
    return answer.status_code, answer.headers["content-type"]


@pytest.mark.parametrize(
    ("content", "seconds", "said"),
    [
        (b"<script>alert(1)</script>", 3, "不是能听的语音"),
        (b"\xff\xd8\xff\xe0 a photo", 3, "不是能听的语音"),
        (b"", 3, "不是能听的语音"),
        (ogg(121), 3, "每次不超过120秒"),
        (webm(), 121, "每次不超过120秒"),
        (ogg() + bytes(5 * 1024 * 1024), 3, "不超过5兆"),
    ],
)
async def test_what_is_no_voice_message_is_refused_with_a_sentence(
    town: Town, content: bytes, seconds: int, said: str
) -> None:
    answer = await send(town, content, seconds)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert await town.rows(Media) == []
    assert await town.rows(Inbound) == []
    assert not [file for file in (town.app.settings.storage / "photos").rglob("*") if file.is_file()]


async def test_it_is_kept_once_played_to_its_speaker_and_to_nobody_who_guesses(town: Town) -> None:
    answer = await send(town, webm())
    bubble = answer.json()["bubble"]
    assert (bubble["kind"], bubble["photo"], bubble["from"]) == ("voice", None, "me")
    assert (await send(town, webm())).json()["bubble"]["id"] == bubble["id"]  # a repetition
    assert len(await town.rows(Inbound)) == 1
    assert await plays(town, RESIDENT, bubble["voice"]) == (200, "audio/webm")
    for stranger in ("td-neighbour", None):
        assert (await plays(town, stranger, bubble["voice"]))[0] == 404


async def test_nobody_speaks_in_anothers_chat(town: Town) -> None:
    assert (await send(town, ogg(), sits="td-neighbour")).status_code == 403
    assert await town.rows(Media) == []


async def test_the_grid_worker_hears_it_and_the_property_does_not(town: Town) -> None:
    await send(town, m4a())
    await town.settled()
    await town.passes(hours=1)
    (handed,) = [b for b in await town.bubbles(GRID) if b.kind == "voice"]
    assert await plays(town, GRID, f"/media/{handed.photo}") == (200, "audio/mp4")
    assert (await plays(town, PROPERTY, f"/media/{handed.photo}"))[0] == 404


@pytest.mark.parametrize("town", [{"photos_per_hour": 1}], indirect=True)
async def test_too_many_in_an_hour_are_not_taken(town: Town) -> None:
    await town.says(RESIDENT, "/help")
    assert (await send(town, ogg())).status_code == 200
    answer = await send(town, ogg(), client="2")
    assert answer.status_code == 429
    assert "语音发得太多了" in answer.json()["error"]


async def test_a_backup_takes_recordings_along(town: Town, tmp_path: Path) -> None:
    if not town.app.database.sqlite:
        pytest.skip("the files of an archive are the same for both kinds of database")
    await send(town, ogg())
    (media,) = await town.rows(Media)
    into = tmp_path / "copy.zip"
    kept = await back_up(town.app.settings, into, town.clock.now())
    assert kept.without_file == 0
    assert [name for name in ZipFile(into).namelist() if media.id in name]
