"""The staff's errand: act on a case at one's rung by button or in one's own words, go on rounds, whistle, close."""

from bot.conversation.staff import patrol, rounds, whistling
from bot.conversation.staff.acts import ASKS_WORDS, do, perform, prompted
from bot.conversation.staff.hearing import hear, offer
from bot.conversation.staff.looking import desk, show
from bot.conversation.staff.patrol import finding

__all__ = [
    "ASKS_WORDS",
    "desk",
    "do",
    "finding",
    "hear",
    "offer",
    "patrol",
    "perform",
    "prompted",
    "rounds",
    "show",
    "whistling",
]
