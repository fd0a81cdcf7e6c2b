"""Turns what the workflow wants said into outbox rows: worded for the audience, held back in quiet hours."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from bot.conversation import cards, digest_text
from bot.conversation.buttons import CaseDo, Rows, TakeAlert, keyboard, option
from bot.conversation.capacity import capacity_line
from bot.conversation.choices import numbered
from bot.conversation.danger_told import QUOTED
from bot.conversation.digest_buttons import digest_rows
from bot.conversation.phrases import say, worded
from bot.conversation.upkeep_words import upkeep_words
from bot.conversation.words import telephone
from bot.pictures.week_pictures import Picture
from bot.processes.postbox import Postbox
from nlu.safety import NAMES as DANGERS
from workflows.case_file import CaseView
from workflows.digest import CommunityDigest
from workflows.models import Account, Outbound
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.people import Reached
from workflows.policy.clocks import QuietHours
from workflows.policy.lifecycle import Rung
from workflows.policy.privacy import mask, mask_id
from workflows.voices import is_voice, voices_of

# Unasked digests are not worth a second copy when nobody knows whether the first arrived.
_ONCE = frozenset({NoticeKind.DIGEST})
_AT_ONCE = 200  # whom the notices are for is loaded for so many of them together
CAPTION = 1024  # what Telegram takes under a picture, in units of UTF-16
_CALLED_IN = frozenset({"property_staff", "building_head", "liaison"})  # hands on the spot: no names, no numbers
_HEADS = {
    "": "",
    "escalated": "前一级超时没有答复，这件事升到您这里：",
    "cannot_solve": "物业说解决不了，请社区党委协调：",
    "supplied": "居民已补充，请接着办：",
    "no_supply": "居民没有补充，请按现有情况接着办：",
    "restored": "居民撤回后又恢复了，请接着看：",
    "corrected": "这件事更正过类别或地点，请看：",
    "not_fixed_partly": "居民说只解决了一部分，请接着办：",
    "not_fixed_objected": "网格说不属实，居民不同意，请您再看：",
    "not_fixed_not": "居民说没有解决，升到您这里：",
    "not_confirmed": "网格员现场看过，还没好，请接着办：",
    "whistle_wanted": "网格申请吹哨，请社区审核：",
    "assist": "社区吹哨，请你们协助牵头单位办理：",
    "woken": "挂账的日子到了（或提前恢复），请接着办：",
    "succeeded": "单位或网格调整了，这件事由您这里接着办：",
    "sent_back": "社区没有吹哨，先退回来问一句：",
}


_ASKING = frozenset({NoticeKind.VERDICT, NoticeKind.VERDICT_AGAIN})  # a number that is typed answers them
_METHODS = {"photo": "SendPhoto", "voice": "SendVoice"}
_VOICE = "居民的语音"
_RETURNED = {
    "partly": "您报了办好，居民说只解决了一部分",
    "not": "您报了办好，居民说没有解决",
    "objected": "您说不属实，居民不同意",
    "again": "您办好、居民说过解决的事，又犯了",
}


class Announcer:
    """Words notices and puts them into the outbox of every chat of the person they are for."""

    def __init__(self, zone: tzinfo, quiet: QuietHours | None, without_pictures: Collection[str] = ()) -> None:
        """`without_pictures`: the channels that cannot show any; they get the words alone."""
        self._zone = zone
        self._without_pictures = frozenset(without_pictures)
        self._quiet = quiet
        self.listen: Callable[[Notice], None] | None = None  # hears every notice before it is worded

    async def announce(self, office: Office, *, awake: int | None = None, picture: Picture | None = None) -> int:
        """Everything the office has collected. `awake` just wrote to us: nothing is held back for them.

        `picture`: goes with the digests that have its numbers.
        """
        written = 0
        notices, office.notices[:] = list(office.notices), []
        views: dict[int, CaseView] = {}
        reached: dict[int, Reached] = {}
        for number, notice in enumerate(notices):
            if self.listen is not None:
                self.listen(notice)
            if number % _AT_ONCE == 0:
                reached = await office.people.reached({one.to for one in notices[number : number + _AT_ONCE]})
            if notice.case_id is not None and notice.case_id not in views:
                views[notice.case_id] = await office.file.view(await office.file.case(notice.case_id, lock=False))
            view = views.get(notice.case_id) if notice.case_id is not None else None
            to = reached[notice.to]
            as_whom = _as_whom(office, notice, to)
            elder = to.person.elder == "on" and notice.kind is not NoticeKind.DIGEST
            with worded(short=elder):
                words = await self._words(office, notice, view, picture)
            for said_of_it, rows, photo in words:
                text = view.unsaid(said_of_it, notice.to) if view is not None else said_of_it
                worded_text = numbered(text, rows) if elder and notice.kind in _ASKING else text
                said = f"{as_whom}\n{worded_text}" if as_whom and not photo else worded_text
                written += self._write(office, notice, to.accounts, said, rows, photo, awake)
        return written

    def _write(
        self,
        office: Office,
        notice: Notice,
        accounts: Sequence[Account],
        text: str,
        rows: Rows,
        photo: str,
        awake: int | None,
    ) -> int:
        not_before = office.now
        if self._quiet is not None and not notice.urgent and notice.to != awake:
            not_before = self._quiet.next_allowed(office.now, self._zone)
        kind = "voice" if is_voice(photo) else "photo"
        markup = keyboard(rows)
        for account in accounts:
            shown = bool(photo) and (kind == "voice" or account.channel not in self._without_pictures)
            payload: dict[str, Any] = {"caption": text, kind: f"media:{photo}"} if shown else {"text": text}
            if markup is not None:
                payload["reply_markup"] = markup.model_dump(mode="json", exclude_none=True)
            Postbox.of(office.session).say(
                Outbound(
                    channel=account.channel,
                    chat_key=account.chat_key,
                    method=_METHODS[kind] if shown else "SendMessage",
                    payload=payload,
                    resend=notice.kind not in _ONCE,
                    created_at=office.now,
                    not_before=not_before,
                )
            )
        return len(accounts)

    async def _words(
        self, office: Office, notice: Notice, view: CaseView | None, picture: Picture | None
    ) -> Sequence[tuple[str, Rows, str]]:
        match notice.kind:
            case NoticeKind.ALERT:
                return [await self._alert(office, notice)]
            case NoticeKind.ALERT_NEWS:
                return await self._alert_news(office, notice)
            case NoticeKind.HUMAN:
                return [await self._human(office, notice)]
            case NoticeKind.DIGEST:
                return await _digest(office, notice, picture)
            case NoticeKind.PROGRESS if notice.data.get("others"):
                return [(await self._all_in_hand(office, notice), [], "")]
            case _:
                assert view is not None
                return self._about_case(notice, view, office.now)

    async def _all_in_hand(self, office: Office, notice: Notice) -> str:
        """还在办, for somebody who waits for several cases: one message for all of them."""
        lines = [say("in_hand.many")]
        for case_id in sorted([notice.case_id or 0, *notice.data["others"]]):
            view = await office.file.view(await office.file.case(case_id, lock=False))
            clock = cards.clock_line(view, office.now, self._zone)
            lines.append(f"【{view.number}】{view.category_name}：现在由{view.holder}负责。{clock}")
        return "\n".join(lines)

    def _about_case(  # noqa: C901 - one occasion a line
        self, notice: Notice, view: CaseView, now: datetime
    ) -> Sequence[tuple[str, Rows, str]]:
        data, zone = notice.data, self._zone
        head = f"【{view.number}】{view.category_name}，{view.place or '地点待核实'}"
        match notice.kind:
            case NoticeKind.CARD:
                text, rows = cards.staff_card(
                    view, notice.capacity, now, zone, head=_HEADS[str(data.get("reason", ""))]
                )
                if data.get("text"):
                    text += f"\n社区问：{data['text']}"
                first = [(text, rows, "")]
                voices = view.voices[-3:] if notice.capacity in cards.LISTENERS else ()
                return [
                    *first,
                    *((_VOICE, [], voice) for voice in voices),
                    *(("现场照片", [], p) for p in _photos_for(view, notice.capacity)[-3:]),
                ]
            case NoticeKind.HELP:
                text, rows = cards.staff_card(
                    view, notice.capacity, now, zone, head="楼栋长您好，网格员请您帮忙看一下："
                )
                return [(text, rows, "")]
            case NoticeKind.OVERSEE:
                why = "这一级没有人值守" if data.get("reason") == "nobody" else "网格超时没有答复"
                now_with = f"，现在由{view.holder}负责" if data.get("reason") != "nobody" else ""
                text = f"提醒您：{head}\n{why}{now_with}，请过问。"
                return [(text, cards.staff_rows(view, notice.capacity), "")]
            case NoticeKind.REMINDER:
                due = cards.moment(view.rung_due_at, now, zone)
                climbs = "，不然会自动升级" if view.rung in (Rung.GRID_BRANCH, Rung.PROPERTY) else ""
                return [(f"快到时限了：{head}\n请在{due}前答复{climbs}。", cards.staff_rows(view, notice.capacity), "")]
            case NoticeKind.OVERDUE:
                days = (now - view.opened_at).days
                text = f"已经超时：{head}\n现在由{view.holder}负责，居民已等{days}天。"
                return [(text, cards.staff_rows(view, notice.capacity), "")]
            case NoticeKind.CONFIRM:
                text = f"{head}\n{view.holder}说{_how(view)}：{view.result or '见照片'}\n请到现场看一眼。"
                return [*_before_and_after(view), (text, cards.staff_rows(view, notice.capacity), "")]
            case NoticeKind.ADDED:
                photos: list[tuple[str, Rows, str]] = [
                    (_VOICE if is_voice(photo) else "居民补充的照片", [], str(photo))
                    for photo in data.get("photos", [])
                    if not is_voice(photo) or notice.capacity in cards.LISTENERS
                ]
                card: Rows = [[option("看卡片", CaseDo(act="card", case=view.id))]]
                return [(self._added(view, notice, head), card, ""), *photos]
            case NoticeKind.RETURNED:
                said = f"：{mask(str(data.get('text', '')))}" if data.get("text") else ""
                return [(f"{head}\n{_RETURNED[str(data.get('verdict'))]}{said}", [], "")]
            case NoticeKind.RULING:
                return [self._ruling(view, notice, head)]
            case NoticeKind.FLAGGED:
                return [self._flagged(view, notice, head)]
            case NoticeKind.SUSPENSION:
                day = cards.day(datetime.fromisoformat(str(data["until"])), zone)
                text = say("suspension.asked", head=head, holder=view.holder, reason=mask(str(data["text"])), day=day)
                return [(text, cards.suspension_rows(view), "")]
            case NoticeKind.UPKEEP_TASK | NoticeKind.UPKEEP_MISSED | NoticeKind.UPKEEP_NEWS | NoticeKind.SEASON:
                return upkeep_words(notice, head)
            case NoticeKind.PROGRESS:
                return [(self._progress(view, data, head, now), [], "")]
            case NoticeKind.SUPPLY:
                return [
                    (
                        f"{head}\n{view.holder}想请您补充：{mask(str(data['text']))}\n直接回复我就行，也可以发照片。",
                        [],
                        "",
                    )
                ]
            case NoticeKind.VERDICT | NoticeKind.VERDICT_AGAIN:
                return self._verdict(view, notice, head)
            case NoticeKind.CLOSED:
                return [(self._closed(view, notice, head), [], "")]
            case _:
                raise ValueError(f"no words for {notice.kind}")

    def _added(self, view: CaseView, notice: Notice, head: str) -> str:
        text = str(notice.data.get("text", ""))
        text = mask_id(text) if notice.capacity in ("grid_worker", "branch_secretary") else mask(text)
        said = {
            "join": f"又有一位邻居反映同一件事，现在共{view.reporters}位。{text}",
            "add": f"居民补充：{text}" if text else _without_words(notice),
            "urge": f"居民催办：{text}",
            "behalf": f"居民说，这件事是{text}。",
            "confidential": f"{say('confidential.card')}\n{text}".rstrip(),
            "ring": f"上门前请先打：{notice.data.get('text', '')}",
            "corrected": "居民更正了类别或地点，请留意。",
            "head": f"楼栋长说：{text}",
            "convene": f"要开协调会：{text}",
            "agree": f"各方商量好了：{text}",
            "keep": f"社区自己来办，不用吹哨：{text}",
            "assist_done": f"{notice.data.get('who')}（协助）答复：办好了。{text}",
            "assist_plan": f"{notice.data.get('who')}（协助）答复：有计划。{text}",
            "assist_refuse": f"{notice.data.get('who')}（协助）答复：不属于他们。{text}",
            "suspended": f"书记同意挂账到{self._until(notice)}：{text}",
            "not_suspended": f"书记不同意挂账：{text}",
            "absorbed": f"另一件并了进来，居民说：{text}",
            "split": f"拆出去另外登记的：{text}",
            "whistle_done": f"{view.holder}答复：已解决。{text}",
            "whistle_plan": f"{view.holder}答复：有计划。{text}",
        }[str(notice.data["what"])]
        return f"{head}\n{said}".rstrip("：")

    def _until(self, notice: Notice) -> str:
        until = notice.data.get("until")
        return cards.day(datetime.fromisoformat(str(until)), self._zone) if until else ""

    @staticmethod
    def _flagged(view: CaseView, notice: Notice, head: str) -> tuple[str, Rows, str]:
        data = notice.data
        said = f"：{mask(str(data['text']))}" if data.get("text") else ""
        again = "已经三番五次，" if data.get("flagged") else ""
        text = f"{head}\n居民第{data['times']}次说没有解决{said}\n{again}请书记亲自过问。"
        return text, cards.staff_rows(view, notice.capacity), ""

    def _ruling(self, view: CaseView, notice: Notice, head: str) -> tuple[str, Rows, str]:
        data = notice.data
        lines = [head, f"{data['who']}答复：不属于他们。理由：{mask(str(data['text']))}"]
        if data.get("proposed"):
            lines.append(f"他们认为应由：{mask(str(data['proposed']))}")
        if data.get("flagged"):
            lines.append(f"这已是第{view.refusals}次被退，请书记亲自过问。")
        lines.append("请裁定归属：再吹哨给别的部门，或由社区协调。")
        return "\n".join(lines), cards.staff_rows(view, notice.capacity), ""

    def _progress(self, view: CaseView, data: Any, head: str, now: datetime) -> str:
        text, who = mask(str(data.get("text", ""))), str(data.get("who", ""))
        due = cards.moment(view.rung_due_at, now, self._zone)
        said = {
            "verified": f"网格员核实了，情况属实，正在处理。{due}前给您回音。",
            "taken_on": f"网格员接下了，由网格员来解决。{due}前给您回音。",
            "accepted": f"{view.holder}说：{text}",
            "found_true": f"网格员核实了，情况属实。现在由{view.holder}负责，最晚{due}前有回音。",
            "arrived": f"已转给{view.holder}，由他们负责，最晚{due}前有回音。",
            "agreed": f"各方商量好了：{text}\n到时候我会再来问您。",
            "climbed": f"{who}说解决不了：{text}\n已升到{view.holder}，最晚{due}前有回音。",
            "escalated": f"{who or '前一级'}超时没有答复，已升到{view.holder}，最晚{due}前有回音。",
            "refused": f"{who}答复不归他们管：{text}\n{view.holder}正在裁定该谁管，不用您重新反映。",
            "convened": f"正在请各方商量：{text}",
            "planned": f"{view.holder}说：{text}\n到时候我会再来问您。",
            "reported": f"{view.holder}说{_how(view)}：{text or '见照片'}\n网格员去现场看过后，我再来问您。",
            "suspended": say("suspension.told", reason=text, day=_day_of(data, self._zone)),
            "woken": f"挂账的这件事恢复办理了，现在由{view.holder}负责，最晚{due}前有回音。",
            "split": f"您反映的【{who}】里有两件事，这一件单独登记了：{text}\n现在由{view.holder}负责，最晚{due}前有回音。",
            "no_news": f"还在办，现在由{view.holder}负责，我盯着。{cards.clock_line(view, now, self._zone)}",
        }[str(data["news"])]
        return f"{head}\n{said}"

    def _verdict(self, view: CaseView, notice: Notice, head: str) -> Sequence[tuple[str, Rows, str]]:
        again = "再问您一次：" if notice.kind is NoticeKind.VERDICT_AGAIN else ""
        result = view.result or "见照片"
        if view.result_kind == "unfounded":
            text = f"{head}\n网格员核实后认为不是这样：{result}\n{again}您看呢？有不同意见一定告诉我。"
        else:
            lines = [head, f"{view.holder}说{_how(view)}：{result}"]
            if notice.data.get("unconfirmed"):
                lines.append("（网格员还没来得及去现场看）")
            lines.append(f"{again}您看解决了没有？您说了算。")
            if notice.kind is NoticeKind.VERDICT_AGAIN:
                lines.append("过几天还没有您的答复，就先办结，但不算您满意；以后随时可以再打开。")
            text = "\n".join(lines)
        photos = [] if again else _before_and_after(view)
        return [*photos, (text, cards.verdict_rows(view), "")]

    @staticmethod
    def _closed(view: CaseView, notice: Notice, head: str) -> str:
        how = str(notice.data.get("how"))
        if how == "merged":
            into = notice.data["into"]
            if notice.capacity == "reporter":
                return f"{head}\n和【{into}】是同一件事，并到一起办了。以后的进展都在【{into}】里告诉您。"
            return f"{head}\n并到【{into}】里了，这一件不用再办。"
        if notice.capacity == "reporter":
            return {
                "solved": f"{head}\n有邻居说解决了，这件事办结。您那里要是没好，直接告诉我，我再打开。",
                "unanswered": f"{head}\n没等到您的答复，先办结了，不算您满意。30天内您说一声“没解决”，我就再打开。",
            }.get(how, f"{head}\n已办结。")
        return {
            "withdrawn": f"{head}\n居民撤回了，不用再办。",
            "solved": f"{head}\n居民说解决了，办结。谢谢您。",
            "elsewhere": f"{head}\n地点更正了，不在您这一片，已转给{view.holder}，您不用再办。",
        }.get(how, f"{head}\n已办结。")

    async def _alert(self, office: Office, notice: Notice) -> tuple[str, Rows, str]:
        data = notice.data
        person = await office.people.person(int(data["from"]))
        near = notice.capacity not in _CALLED_IN
        text = say(
            "alert.duty",
            kind=DANGERS.get(str(data["danger"]), "请核实"),
            name=person.name if near else "居民",
            text=cards.shortened(mask_id(str(data["text"])) if near else mask(str(data["text"])), QUOTED),
            place=f"地点：{mask(str(data['place']))}" if data["place"] else "地点没说，请马上联系",
            phone=f"　电话：{person.phone}" if person.phone and near else "",
        )
        if data.get("again"):
            text = f"{text}\n{say('alert.again')}"
        return text, [[option("我去看", TakeAlert(alert=int(data["alert"])))]], ""

    @staticmethod
    async def _alert_news(office: Office, notice: Notice) -> Sequence[tuple[str, Rows, str]]:
        """How a danger goes on: to who called in plain words, to the others with what it was about."""
        data = notice.data
        person = await office.people.person(int(data["from"]))
        near = notice.capacity not in _CALLED_IN
        role, name = data.get("who", ("", ""))
        mine = notice.capacity == "reporter"
        what = "alone" if mine and data["what"] == "nobody" and data["danger"] == "suicide" else data["what"]
        text = say(
            f"alert.{'mine' if mine else 'news'}.{what}",
            who=f"{cards.ROLE.get(role, '')}{name}",
            name=person.name if near else "居民",
            what="，".join(
                part for part in (DANGERS.get(str(data["danger"]), "险情"), mask(str(data["place"]))) if part
            ),
            text=cards.shortened(mask_id(str(data["text"])) if near and not mine else mask(str(data["text"])), QUOTED)
            or "见照片",
            phone=f"\n电话：{person.phone}" if person.phone and near else "",
            minutes=data.get("minutes", 0),
        )
        rows: Rows = []
        if not mine and data["what"] == "again" and data.get("free"):
            rows = [[option("我去看", TakeAlert(alert=int(data["alert"])))]]
        shown: Iterator[tuple[str, Rows, str]] = (
            ("现场语音" if is_voice(one) else "现场照片", [], str(one)) for one in data.get("photos", [])
        )
        return [(text, rows, ""), *shown]

    @staticmethod
    async def _human(office: Office, notice: Notice) -> tuple[str, Rows, str]:
        data, said = notice.data, str(notice.data["text"])
        person = await office.people.person(int(data["from"]))
        head = {
            "topic": "💡 有居民提议议事：",
            "foreign": "🌐 有居民用别的语言留言：",
            "stuck": "⚠️ 有居民的话系统没处理好，请您看看：",
        }.get(str(data["why"]), "")
        text = say(
            "human.duty",
            name=person.name,
            text=cards.shortened(mask_id(said), 300),
            phone=f"电话：{person.phone}" if person.phone else "" if telephone(said) else "（没有留电话）",
        ).rstrip()
        return f"{head}\n{text}" if head else text, [], ""


async def _digest(office: Office, notice: Notice, picture: Picture | None) -> Sequence[tuple[str, Rows, str]]:
    """The first screen, beneath its picture where there is one with these very numbers."""
    one = digest_text.restored(notice.data)
    short, detail = digest_text.render(one)
    rows = digest_rows(one, detail=bool(detail))
    photo = await picture.photo_for(one, office) if picture is not None and isinstance(one, CommunityDigest) else ""
    return captioned(short, rows, photo) if photo else [(short, rows, "")]


def captioned(text: str, rows: Rows, photo: str) -> Sequence[tuple[str, Rows, str]]:
    """A picture with these words beneath it; with their beginning, and all of them behind, where they are too long."""
    if _units(text) <= CAPTION:
        return [(text, rows, photo)]
    kept: list[str] = []
    for line in text.split("\n"):
        if _units("\n".join([*kept, line, "…"])) > CAPTION:
            break
        kept.append(line)
    return [("\n".join([*kept, "…"]), [], photo), (text, rows, "")]


def _units(text: str) -> int:
    """As messengers count: an emoji is two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _as_whom(office: Office, notice: Notice, to: Reached) -> str:
    """For whom holds several posts: in which of them they are told of this case."""
    if notice.case_id is None or notice.capacity in ("", "reporter"):
        return ""
    return capacity_line(notice.capacity, to.posts, office.directory)


def _photos_for(view: CaseView, capacity: str) -> Sequence[str]:
    """The reporters' photos; where secrecy was asked for, only those who must know see them."""
    return view.own_photos if view.confidential and capacity in cards.LISTENERS else view.photos


def _without_words(notice: Notice) -> str:
    voice = voices_of(notice.data.get("photos", []))
    return "居民补充了语音，请听。" if voice else "居民补充了照片。"


def _day_of(data: Any, zone: tzinfo) -> str:
    until = data.get("until")
    return cards.day(datetime.fromisoformat(str(until)), zone) if until else ""


def _how(view: CaseView) -> str:
    """How it came out: an agreement is not called a repair."""
    return {"negotiated": "各方商量好了"}.get(view.result_kind, "办好了")


def _before_and_after(view: CaseView) -> list[tuple[str, Rows, str]]:
    """The newest photo of the repair, where there is one, beside how it was."""
    before: list[tuple[str, Rows, str]] = (
        [("处理前的照片", [], photo) for photo in view.facts.before_photos[-1:]] if view.result_photos else []
    )
    return [*before, *(("处理后的照片", [], photo) for photo in view.result_photos[-1:])]
