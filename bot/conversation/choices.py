"""长辈版: choices as numbered lines, at most four at once; the others behind 其他."""

import re

from bot.conversation.buttons import Option, Others, Rows, option
from bot.conversation.phrases import say

MOST = 4
_NUMBERED = re.compile(r"^1[. ]", re.MULTILINE)


def few(rows: Rows) -> tuple[Rows, list[Option]]:
    """The buttons that are shown at once, and the rest."""
    options = [one for row in rows for one in row]
    if len(options) <= MOST:
        return rows, []
    return [[one] for one in [*options[:MOST], option(say("elder.other"), Others())]], options[MOST:]


def numbered(text: str, rows: Rows) -> str:
    """The text with its choices as lines, and how to choose; a text that numbers them itself stays as it is."""
    options = [one for row in rows for one in row]
    if not options or _NUMBERED.search(text):
        return text
    lines = [f"{n} {one.text}" for n, one in enumerate(options, start=1)]
    return "\n".join([text, *lines, say("elder.reply")])
