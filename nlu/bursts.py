"""A pipe that has burst: no danger to life by itself, but every minute counts, and there is something to do at once."""

import re

_BURST = re.compile(
    r"(?:暖气|供热|供暖|热力|水管|上水|自来水|管道|管子|阀门|水表|水龙头|暖气片|散热器|地暖)[^，。,.!！?？\n]{0,8}"
    r"(?:爆(?!满|出去)|崩(?:了|开)|冻裂|冻爆|裂开|裂了|断(?:了|开)|炸(?:了|开)|喷|呲)"
    r"|(?:喷|呲)[^，。\n]{0,2}(?:热水|自来水)"
)
_HEAT = re.compile(r"暖气|供热|供暖|热力|热水|散热器|地暖")
_NOT_NOW = re.compile(
    r"去年|前年|上次|上回|以前|上个?月|上周|前几天|前天|曾|怕|担心|万一|要是|如果|会不会|容易|防|别等|修好了|换好了|换上了|已经修|不漏了|梦见|听说"
)


def burst(text: str) -> str:
    """Which pipe has burst: "heat", "water" or "" where none has, or not now."""
    found = _BURST.search(text)
    if found is None or _NOT_NOW.search(text):
        return ""
    return "heat" if _HEAT.search(text) else "water"
