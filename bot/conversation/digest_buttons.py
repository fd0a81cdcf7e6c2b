"""The buttons under a digest: its details, and how often it comes."""

from bot.conversation import digest_text
from bot.conversation.buttons import DigestEvery, DigestMore, Option, Rows, option
from workflows.digest import Digest
from workflows.policy.frequency import Frequency

LABELS = {
    Frequency.WEEKLY: "每周",
    Frequency.FORTNIGHT: "每两周",
    Frequency.MONTHLY: "每月",
    Frequency.OFF: "不要了",
}


def digest_rows(digest: Digest, *, detail: bool) -> Rows:
    """Under a digest; `detail` where there is more to say."""
    more = DigestMore(audience=digest_text.audience(digest), week=digest.week)
    return [*([[option("看详细", more)]] if detail else []), often()]


def often() -> list[Option]:
    """How often somebody wants their digests, in one row."""
    return [option(label, DigestEvery(how=how.value)) for how, label in LABELS.items()]
