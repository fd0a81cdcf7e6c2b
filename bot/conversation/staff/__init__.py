"""The staff's errand: act on a case at one's rung by button or in one's own words, go on rounds, whistle, close."""

from bot.conversation.staff import patrol, rounds, whistling
from bot.conversation.staff.acts import do, prompted
from bot.conversation.staff.hearing import hear, offer
from bot.conversation.staff.looking import desk, show
from bot.conversation.staff.patrol import finding

__all__ = ["desk", "do", "finding", "hear", "offer", "patrol", "prompted", "rounds", "show", "whistling"]
