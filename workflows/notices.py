"""What the workflow wants said, and to whom; how it is worded is the bot's business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class NoticeKind(StrEnum):
    """The occasions on which somebody is told something unasked."""

    CARD = "card"  # a case has arrived at your rung: what may be done with it
    OVERSEE = "oversee"  # somebody you oversee is silent
    REMINDER = "reminder"  # a deadline is near
    OVERDUE = "overdue"  # a deadline has passed and nobody stands above
    CONFIRM = "confirm"  # please look on the spot whether it is really done
    ADDED = "added"  # the resident has added something, or urges
    RETURNED = "returned"  # "not fixed": told to whoever said that it was
    FLAGGED = "flagged"  # not solved again and again: told to the secretary in person
    SUSPENSION = "suspension"  # 挂账 is asked for: the secretary decides
    RULING = "ruling"  # a department has refused: whose is it?
    HELP = "help"  # the building head is asked to look
    PROGRESS = "progress"  # news for the resident
    SUPPLY = "supply"  # a question to the resident
    VERDICT = "verdict"  # is it solved?
    VERDICT_AGAIN = "verdict_again"
    CLOSED = "closed"
    ALERT = "alert"  # danger now
    ALERT_NEWS = "alert_news"  # somebody goes, has found something, says more, or says that it is over
    UPKEEP_TASK = "upkeep_task"  # a round of a seasonal contract is due today
    UPKEEP_MISSED = "upkeep_missed"  # its day has gone by without a word
    UPKEEP_NEWS = "upkeep_news"  # for who reported it: promised, done, or missed
    SEASON = "season"  # the next season comes up: again?
    HUMAN = "human"  # somebody wants a person
    DIGEST = "digest"


@dataclass(frozen=True)
class Notice:
    """One thing to be said to one person."""

    to: int  # person id
    kind: NoticeKind
    case_id: int | None = None
    capacity: str = ""  # the post in which they are told
    data: Mapping[str, Any] = field(default_factory=dict)
    urgent: bool = False  # not held back by quiet hours
