"""The resident's errand: listen, open, join, correct, tell progress, take the verdict."""

from bot.conversation.resident import behalf, matters
from bot.conversation.resident.hearing import hear, reread
from bot.conversation.resident.location import located
from bot.conversation.resident.menus import choose_kind, choose_place, menu, menu_rows
from bot.conversation.resident.mine import do, progress
from bot.conversation.resident.no_report import home as known_home
from bot.conversation.resident.reports import draft_expired, home_is_known, same

__all__ = [
    "behalf",
    "choose_kind",
    "choose_place",
    "do",
    "draft_expired",
    "hear",
    "home_is_known",
    "known_home",
    "located",
    "matters",
    "menu",
    "menu_rows",
    "progress",
    "reread",
    "same",
]
