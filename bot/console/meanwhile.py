"""Two people at one case: what a form carries of what its reader had seen, and the sentence about what came in between."""

from collections.abc import Sequence

from bot.console import wording
from bot.console.visit import Visit
from bot.conversation import cards
from workflows.console.meanwhile import Meanwhile, Seen, done_meanwhile


class Overtaken(Exception):
    """Somebody else has acted since the page was opened; the text says who did what. Nothing was changed."""


def written(seen: Seen) -> str:
    """For a form's hidden field."""
    return " ".join(f"{case_id}.{last}" for case_id, last in sorted(seen.items()))


def read(text: str) -> dict[int, int]:
    """The hidden field again; whatever somebody has made of it, it only decides what they are told."""
    found = {}
    for pair in text.split()[:4]:
        case_id, _, last = pair.partition(".")
        if case_id.isascii() and case_id.isdigit() and last.isascii() and last.isdigit() and len(pair) <= 40:
            found[int(case_id)] = int(last)
    return found


async def told(visit: Visit) -> str:
    """What others have done to the cases of this form since its page was opened; empty for nothing."""
    seen = {case_id: last for case_id, last in read(visit.posted("seen")).items() if max(case_id, last) < 2**62}
    return sentence(await done_meanwhile(visit.office, visit.viewer, seen), visit)


def sentence(found: Sequence[Meanwhile], visit: Visit) -> str:
    """社区党委张娜10:05把TD261124-01“挂账”了."""
    zone = visit.office.rules.zone
    lines = [
        f"{cards.ROLE.get(one.capacity, one.capacity)}{one.who if one.capacity != 'reporter' else ''}"
        f"在{wording.local(one.at, zone)[5:]}给{one.number}记了“{cards.deed(one.action)}”"
        for one in found[-3:]
    ]
    return "；".join(lines)
