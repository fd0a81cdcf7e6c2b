"""Scripted residents and staff: they say what is wrong, tap what they are shown, lose patience, and tap twice."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Sequence
from random import Random

from tests.benchmarks.under_fire.messenger import Bubble, Messenger
from tests.benchmarks.under_fire.reader import KINDS

SECRETARY = "张娜"
COLLEAGUES = ("白小燕", "潘拴柱", "刘海宽", "武志远", "郭振华", "杜成林", "侯存良")
FIRST_COLLEAGUE, FIRST_RESIDENT = 9001, 100_001
_CODE = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}")
_WORDS_WANTED = re.compile("请写一句|请发一张|哪一天|为什么|什么时候|商量的结果|哪里还没好|要居民补充什么|回复“无照片”")

SENTENCES = {
    "楼道灯": ("楼道灯又灭了，黑得看不见台阶", "楼道灯坏了好几天没人换", "晚上楼道灯不亮，老人摔了一跤"),
    "垃圾": ("垃圾堆在门口好几天没人收", "垃圾桶满得溢出来了", "门口的垃圾一直没清走"),
    "下水道": ("下水道堵了，脏水往外冒", "下水道返味，一楼没法住"),
    "电梯": ("电梯停在半层不动了，门是开的", "电梯三天两头坏，今天又停了"),
    "蚊子": ("蚊子多得不敢开窗户", "草丛里蚊子成群，孩子身上全是包"),
    "路面": ("路面塌了一块，差点把车轮掉进去", "路面的砖都翘起来了"),
}
# What colleagues tap, by how often; what is not here is never tapped.
TAPS = {
    "属实": 8, "不属实": 1, "需补充": 1, "我来解决": 2, "联系物业": 4, "上报社区": 2, "协调会": 1, "已解决": 8,
    "解决不了": 3, "什么时候去": 2, "转物业": 2, "吹哨": 4, "有计划": 2, "不属于我": 1, "现场确认，好了": 8, "还没好": 1,
    "看经过": 1,
}  # fmt: skip


class Chat:
    """One person's chat: what they see, what they do."""

    def __init__(self, messenger: Messenger, number: int, rng: Random) -> None:
        self.number = number
        self.rng = rng
        self._messenger = messenger
        self._seen: asyncio.Queue[Bubble] = asyncio.Queue()
        messenger.heard[number] = self._seen.put_nowait

    def says(self, text: str, what: str = "words", mark: str = "") -> None:
        """Write a line."""
        self._messenger.write(self.number, text, what, mark)

    def shows(self, what: str, caption: str = "", mark: str = "") -> None:
        """Send a photo or a recording."""
        self._messenger.shows(self.number, what, caption, mark)

    def taps(self, bubble: Bubble, label: str) -> None:
        """Tap a button; one in fifteen people taps twice."""
        data = bubble.labels()[label]
        self._messenger.tap(self.number, bubble, data)
        if self.rng.random() < 0.07:
            self._messenger.tap(self.number, bubble, data)

    async def next(self, seconds: float) -> Bubble | None:
        """The next message; none within `seconds`."""
        try:
            return await asyncio.wait_for(self._seen.get(), seconds)
        except TimeoutError:
            return None

    async def until(self, wanted: Sequence[str], seconds: float) -> Bubble | None:
        """The next message that has one of these buttons or words; what comes before it is only read."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0:
            bubble = await self.next(left)
            if bubble and any(w in bubble.text or w in bubble.labels() for w in wanted):
                return bubble
        return None


class People:
    """Everybody. `stop` lets residents finish no new errand."""

    def __init__(self, messenger: Messenger, seed: int, residents_at_once: int) -> None:
        self._messenger = messenger
        self._seed = seed
        self._at_once = residents_at_once
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Everybody puts the phone away."""
        self._stopping.set()

    # ---- who is on duty

    async def take_up_posts(self, code: str) -> list[Chat]:
        """The secretary joins with the operator's code and gives everybody else theirs."""
        secretary = Chat(self._messenger, FIRST_COLLEAGUE, Random(f"{self._seed}:{SECRETARY}"))
        secretary.says(f"/join {code}")
        assert await secretary.until(["欢迎"], 120), "the secretary cannot join"
        chats = [secretary]
        for number, name in enumerate(COLLEAGUES, FIRST_COLLEAGUE + 1):
            secretary.says(f"/invite {name}")
            made = await secretary.until(["邀请码"], 60)
            assert made is not None, f"no code for {name}"
            found = _CODE.search(made.text)
            assert found is not None, made.text
            chat = Chat(self._messenger, number, Random(f"{self._seed}:{name}"))
            chat.says(f"/join {found[0]}")
            assert await chat.until(["欢迎"], 60), f"{name} cannot join"
            chats.append(chat)
        return chats

    async def live(self, colleagues: Sequence[Chat]) -> None:
        """Everybody at once, until stopped."""
        async with asyncio.TaskGroup() as group:
            for chat in colleagues:
                group.create_task(self._on_duty(chat))
            for _ in range(self._at_once):
                group.create_task(self._residents())

    async def _pause(self, rng: Random, low: float, high: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), rng.uniform(low, high))

    async def _on_duty(self, chat: Chat) -> None:
        while not self._stopping.is_set():
            bubble = await chat.next(1.0)
            if bubble is None:
                if chat.rng.random() < 0.03:
                    chat.says("/digest", "command")
                continue
            labels = bubble.labels()
            departments = [label for label, data in labels.items() if data.startswith("d:") and label != "其他部门…"]
            wanted = {label: TAPS[label] for label in labels if label in TAPS}
            if departments:
                chat.taps(bubble, chat.rng.choice(departments))
            elif wanted and chat.rng.random() < 0.9:
                await self._pause(chat.rng, 0.0, 1.0)
                chat.taps(bubble, chat.rng.choices(list(wanted), list(wanted.values()))[0])
            elif _WORDS_WANTED.search(bubble.text) and not labels:
                mark = f"W{next(self._numbers):05d}"
                said = "无照片，夜里拍不清" if "无照片" in bubble.text else f"12月20日前办好，已经派人去了，记号{mark}"
                chat.says(said, "words", mark if mark in said else "")

    # ---- residents

    async def _residents(self) -> None:
        while not self._stopping.is_set():
            number = next(self._numbers)
            rng = Random(f"{self._seed}:resident:{number}")
            await self._errand(Chat(self._messenger, FIRST_RESIDENT + number, rng), f"R{number:05d}")
            await self._pause(rng, 0.0, 0.7)

    async def _errand(self, chat: Chat, mark: str) -> None:
        """One person, one matter, from the first word to wherever it gets within their patience."""
        rng = chat.rng
        if rng.random() < 0.2:
            chat.says("/start", "command")
        kind = rng.choice(list(KINDS))
        where = f"{rng.choice(['富邦小区', '河畔家园'])}{rng.randrange(1, 7)}号楼{rng.randrange(1, 4)}单元"
        matter = f"{rng.choice(SENTENCES[kind])}，记号{mark}"
        way = rng.choices(["whole", "burst", "asked", "abandoned", "photo", "voice"], [40, 15, 20, 7, 12, 6])[0]
        if way == "photo":
            chat.shows("photo", f"{where}{matter}", mark)
        elif way == "voice":  # nothing here can read it: the grid worker hears it once the place is told
            chat.shows("voice")
        else:
            chat.says(matter if way in ("asked", "abandoned") else f"{where}{matter}", "report", mark)
        if way == "burst":
            for line in ("好多天了", "家里还有老人"):
                extra = f"W{next(self._numbers):05d}"
                chat.says(f"{line}，记号{extra}", "words", extra)
        if way == "abandoned":
            return  # never heard of again: the report is opened as it is when its time has come
        await self._goes_on(chat, where)

    async def _goes_on(self, chat: Chat, where: str) -> None:
        rng = chat.rng
        patience = asyncio.get_running_loop().time() + rng.uniform(4, 25)
        while not self._stopping.is_set() and asyncio.get_running_loop().time() < patience:
            bubble = await chat.next(1.0)
            if bubble is None:
                continue
            labels = bubble.labels()
            same = [label for label, data in labels.items() if data.startswith("s:") and data != "s:0"]
            if same:
                other = next((label for label, data in labels.items() if data == "s:0"), same[0])
                chat.taps(bubble, rng.choice(same) if rng.random() < 0.4 else other)
            elif "在哪个小区" in bubble.text or "哪个小区的" in bubble.text:
                chat.says(where, "place")
            elif "解决了" in labels:
                chat.taps(bubble, rng.choices(["解决了", "部分解决", "没有"], [6, 2, 3])[0])
            elif "点错了，恢复" in labels and rng.random() < 0.5:
                chat.taps(bubble, "点错了，恢复")
            elif "撤回" in labels:
                await self._after_opening(chat, bubble)
            elif "催一下" in labels and rng.random() < 0.7:
                chat.taps(bubble, "催一下")

    async def _after_opening(self, chat: Chat, bubble: Bubble) -> None:
        await self._pause(chat.rng, 0.0, 1.0)
        match chat.rng.choices(["", "撤回", "more", "/cases", "photo"], [35, 12, 20, 20, 13])[0]:
            case "撤回":
                chat.taps(bubble, "撤回")
            case "more":
                mark = f"W{next(self._numbers):05d}"
                chat.says(f"补充一句，到今天还是那样，记号{mark}", "words", mark)
            case "photo":
                mark = f"W{next(self._numbers):05d}"
                chat.shows("photo", f"补一张照片，记号{mark}", mark)
            case "/cases":
                chat.says("/cases", "command")
