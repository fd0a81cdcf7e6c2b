"""Names said without consent: for whom somebody reports is nobody else's to read until that one has agreed."""

import re
from collections.abc import Iterable

SOMEBODY = "一位邻居"
_TITLES = (
    "大爷", "大娘", "大妈", "奶奶", "爷爷", "阿姨", "叔叔", "老人家", "老人", "姥姥", "姥爷", "婆婆", "公公", "老太太", "老爷子", "大叔",
    "大婶", "师傅", "先生", "女士", "老师",
)  # fmt: skip
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖"
    "贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤包乌额阿苏巴斯哈宝那"
)
_SEVERAL = "、"


def without_names(text: str, names: Iterable[str]) -> str:
    """The text with these names, and the shorter ways to say them, replaced: 对门王奶奶 is also 王奶奶."""
    if not text:
        return text
    ways = {way for several in names for name in several.split(_SEVERAL) for way in _ways(name.strip())}
    for way in sorted(ways, key=len, reverse=True):
        text = re.sub(rf"(?<!一位){re.escape(way)}", SOMEBODY, text)
    return text


def both(one: str, other: str) -> str:
    """Two people for whom the same neighbour reports, as one entry of the file."""
    return one if other in one.split(_SEVERAL) or not other else _SEVERAL.join(part for part in (one, other) if part)


def _ways(name: str) -> set[str]:
    """A name as it may be said: whole, without what stands before the surname, without the title."""
    found = {name} if name else set()
    title = next((title for title in _TITLES if name.endswith(title) and len(name) > len(title)), "")
    if not title:
        return found
    bare = name.removesuffix(title)
    found.add(name[-len(title) - 1 :])
    # 隔壁 of 隔壁奶奶 is no name; a surname alone is everybody's.
    found |= {bare[at:] for at in range(len(bare)) if bare[at] in _SURNAMES and len(bare) - at in (2, 3)}
    return found
