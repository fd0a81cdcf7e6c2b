"""The whole application on Telegram: a stranger's errand from the first sentence to the withdrawal, by both ways in."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.app import App
from bot.settings import Settings
from nlu.understanding import OUT_OF_SCOPE, Entity, Understanding
from tests.conftest import settings_for
from tests.telegram.line import TOKEN, Call, Emulator, Gate, Person, free_port, picture, served, until
from workflows.models import Account, Case, Inbound, Media, Outbound

pytestmark = pytest.mark.telegram

REPORT = "富邦小区5号楼楼道灯不亮了"


class Scripted:
    """Understands one sentence; the real Rasa has its own journeys."""

    async def understand(self, text: str) -> Understanding:
        if text != REPORT:
            return Understanding(text=text, intent=OUT_OF_SCOPE, confidence=0.9)
        entities = [
            Entity(kind, value, text.index(value), text.index(value) + len(value))
            for kind, value in (("estate", "富邦小区"), ("building", "5号楼"))
        ]
        ranking = (("street_light", 0.97), ("power_supply", 0.02))
        return Understanding(text, "street_light", 0.97, ranking, (), tuple(entities))


@pytest.fixture(params=["polling", "webhook"])
def settings(request: pytest.FixtureRequest, gate: Gate, tmp_path: Path) -> Settings:
    """The shipped configuration on the emulator."""
    port = free_port()
    section = {"mode": request.param, "token": TOKEN, "api_base": gate.base, "webhook_secret": "a-secret-of-16-letters"}
    return settings_for(
        f"sqlite+aiosqlite:///{tmp_path / 'app.db'}",
        tmp_path / "var",
        channels={"telegram": section | {"per_chat_seconds": 0.05}},
        server={"port": port, "public_url": f"http://127.0.0.1:{port}"},
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The application at work and served, as `xiaoshao` serves it."""
    app = App(settings, understander=Scripted())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(app.http, settings.server.port))
        yield await stack.enter_async_context(app.running())


async def rows(app: App, table: type[Any], *where: Any) -> list[Any]:
    async with app.database.reading() as session:
        return list((await session.execute(select(table).where(*where).order_by(table.id))).scalars())


def saying(gate: Gate, words: str) -> Callable[[], Call | None]:
    """The first message of the bot with these words, once it is there."""
    return lambda: next((call for call in gate.said if words in call.text), None)


async def test_a_stranger_reports_adds_a_photo_and_withdraws(
    settings: Settings, gate: Gate, emulator: Emulator, stranger: Person
) -> None:
    async with running(settings) as app:
        await until(lambda: gate.sent("setMyCommands"), "the command menu")
        way_in = "setWebhook" if settings.channels.telegram.how == "webhook" else "getUpdates"
        await until(lambda: any(call.method == way_in for call in gate.calls), way_in)

        await stranger.writes("/start")
        await until(saying(gate, "我是小哨"), "a greeting")

        await stranger.writes(REPORT)
        opened = await until(saying(gate, "已登记"), "the case number")
        [case] = await rows(app, Case)
        assert case.number in opened.text
        assert (case.category, case.status) == ("street_light", "with_grid_branch")
        [account] = await rows(app, Account, Account.channel == "telegram")
        assert account.chat_key == str(stranger.chat_id)

        await stranger.sends(picture())
        await until(saying(gate, "照片放进"), "a word about the photo")
        [media] = await rows(app, Media)
        assert (media.width, media.height) == (800, 600)

        await stranger.taps(opened, next(label for label in opened.buttons if "撤回" in label))
        await until(saying(gate, "已撤回"), "the withdrawal")
        edit = (await until(lambda: gate.sent("editMessageReplyMarkup"), "an edit"))[0]
        assert edit.fields["message_id"] == str(opened.result["message_id"])
        assert [label[0] for label in edit.buttons] == ["✓"]
        await until(lambda: gate.sent("answerCallbackQuery"), "an answer to the tap")
        [case] = await rows(app, Case)
        assert case.status == "withdrawn"

        assert {row.state for row in await rows(app, Inbound, Inbound.channel == "telegram")} == {"done"}
        assert await rows(app, Outbound, Outbound.channel == "telegram", Outbound.state == "dead") == []
    verdict = await emulator.verdict(
        "setMyCommands", "sendMessage", "editMessageReplyMarkup", "answerCallbackQuery", "getFile"
    )
    assert verdict["ok"], verdict
