"""Plain words about how often the digest comes: 不要简报了, 简报每月一次, 恢复简报."""

import re

from workflows.policy.frequency import Frequency

_NAME = r"(?:你们?的?|那个|这个|每周的?|社区的?)?(?:周报|简报|周简报)"
_POLITE = r"(?:请|麻烦(?:你|您)?|以后|今后|我想|我要|能不能|可以|帮我|给我|把)*"
_TAIL = r"(?:就行|就好|就够|可以)?(?:了|吧|啊|呀|呢|吗|嘛|谢谢|好吗|行吗|就成)*"
_NO = r"(?:不要|不用|别|不想要|不想收|不收|不看|停|停发|停掉|取消|退订|关掉|关)"
_SEND = r"(?:再)?(?:给我)?(?:发|推|推送|来|收|看|要|订)*(?:给我)?"
_HOW = {
    Frequency.MONTHLY: r"(?:每个?月|一个?月)(?:来|发|一)?(?:1|一)?(?:次|回|份|期)?",
    Frequency.FORTNIGHT: r"(?:每?(?:两|二|2)个?(?:周|星期|礼拜)|隔(?:一)?周|半个?月)(?:来|发|一)?(?:1|一)?(?:次|回|份|期)?",
    Frequency.WEEKLY: r"(?:每个?|一个?)(?:周|星期|礼拜)(?:来|发|一)?(?:1|一)?(?:次|回|份|期)?",
}
_AGAIN = r"(?:恢复|重新订阅|重新订|重订|订阅|再订|继续|接着)"


def _any_of(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_POLITE}{wording}{_TAIL})" for wording in wordings))


# With the digest's name, and 退订, which means nothing else here: meant whenever it is said.
_NAMED = [
    (Frequency.OFF, _any_of("退订", f"{_NO}{_SEND}{_NAME}(?:给我)?", f"{_NAME}(?:我|就)?{_NO}{_SEND}")),
    *(
        (how, _any_of(f"{_NAME}(?:改成|改为|改)?{often}{_SEND}", f"{often}{_SEND}{_NAME}"))
        for how, often in _HOW.items()
    ),
    (Frequency.WEEKLY, _any_of(f"{_AGAIN}{_SEND}{_NAME}", f"{_NAME}{_AGAIN}{_SEND}")),
]
# Bare, right under a digest: 每两周.
_BARE = [(how, _any_of(f"(?:改成|改为|改)?{often}")) for how, often in _HOW.items()]


def frequency_asked(text: str, *, bare: bool) -> Frequency | None:
    """How often somebody wants it, where the message says that and nothing else.

    `bare`: whether words without the digest's name may mean it; not while something else was asked.
    """
    plain = re.sub(r"[\s，,。.！!？?～~、“”\"]+", "", text)
    if len(plain) > 24:
        return None
    for how, wording in [*_NAMED, *(_BARE if bare else [])]:
        if wording.fullmatch(plain):
            return how
    return None
