"""What is said unasked of a seasonal contract: a round is due, was done, was missed; the next season comes up."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from bot.conversation import cards
from bot.conversation.buttons import Rows, Upkeep, option
from bot.conversation.phrases import say
from workflows.notices import Notice, NoticeKind
from workflows.policy.privacy import mask


def upkeep_words(notice: Notice, head: str) -> Sequence[tuple[str, Rows, str]]:
    """(words, buttons, photo) of a notice about a plan."""
    data = notice.data
    match notice.kind:
        case NoticeKind.UPKEEP_TASK:
            text = say("upkeep.task", head=head, work=mask(str(data["work"])), unit=data["unit"])
            return [(text, _done_rows(data), "")]
        case NoticeKind.UPKEEP_MISSED:
            key = "upkeep.missed_office" if data.get("overseer") else "upkeep.missed"
            text = say(key, head=head, work=mask(str(data["work"])), unit=data["unit"], day=_day(data["day"]))
            return [(text, _done_rows(data), "")]
        case NoticeKind.SEASON:
            first, last = (cards.date_words(date.fromisoformat(data[end])) for end in ("first", "last"))
            text = say(
                "upkeep.season", head=head, work=mask(str(data["work"])), unit=data["unit"], first=first, last=last
            )
            plan = int(data["plan"])
            rows = [[option("再来一季", Upkeep(act="renew", row=plan)), option("不用了", Upkeep(act="no", row=plan))]]
            return [(text, rows, "")]
        case _:
            return _news(data, head)


def _news(data: Any, head: str) -> Sequence[tuple[str, Rows, str]]:
    """For who reported the matter."""
    following = say("upkeep.next", day=_day(data["next"])) if data.get("next") else ""
    match data["what"]:
        case "planned":
            first, last = (cards.date_words(date.fromisoformat(data[end])) for end in ("first", "last"))
            how = say("upkeep.times", n=data["turn"]) if data["turn"] else f"{data['trigger']}过后"
            text = say(
                "upkeep.promised",
                head=head,
                work=mask(str(data["work"])),
                first=first,
                last=last,
                how=how,
                next=following,
            )
            return [(text, [], "")]
        case "missed":
            return [
                (
                    say(
                        "upkeep.not_done",
                        head=head,
                        work=mask(str(data["work"])),
                        day=_day(data["day"]),
                        unit=data["unit"],
                    ),
                    [],
                    "",
                )
            ]
        case "skipped":
            note = mask(str(data["note"]))
            text = say(
                "upkeep.skipped",
                head=head,
                work=mask(str(data["work"])),
                day=_day(data["day"]),
                note=note,
                next=following,
            )
            return [(text, [], "")]
        case _:
            note = f"：{mask(str(data['note']))}" if data.get("note") else ""
            text = say(
                "upkeep.done",
                head=head,
                work=mask(str(data["work"])),
                turn=data["turn"],
                unit=data["unit"],
                note=note,
                next=following,
            )
            return [*(("现场照片", [], str(photo)) for photo in data.get("photos", [])), (text, [], "")]


def _done_rows(data: Any) -> Rows:
    task = int(data["task"])
    return [[option("做好了", Upkeep(act="done", row=task)), option("这次不用做", Upkeep(act="skip", row=task))]]


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.month}月{day.day}日"
