"""Words that follow an alarm: that it is over, that it goes on all the same, that somebody feels ill."""

import re

_OVER = re.compile(
    r"没(什么|啥)?事儿?了|不要紧了|平安|脱险|脱困|得救|缓过来|虚惊|误会|看错|弄错|解除|控制住|不用(再)?来了|别来了|"
    r"^(都)?出来了|(人|娃|孩子|老人|都|已经?|自己|给|全)(都|已经)?(给)?(救|弄|拉|抱|放)?(出来|上来|下来)了|救(出|下|上|活|过来)|"
    r"(拉|接|抬|送|背)走了|已救出|"
    r"(火|烟)?(已经?|都|给|全)?(扑灭|灭|熄|浇灭)了|"
    r"没(有)?味(儿|道)?了?|闻不(见|到|着)了?|不闻见|味(儿|道)?(都|已经)?散|散(了|完)|不冒(烟|火|水|火花)了|不晕了|醒(了|过来)|"
    r"送(到|去|上|往)?(了)?(医院|急诊|救护车)|接走了|找(到|着|回来?)了|(120|119|110|救护车|消防员?|警察|民警|医生|大夫)(的人)?(已经|都)(来|到)了"
)
# What somebody has done about it: news for those on duty, but whether it helped is not said.
_DONE = re.compile(r"阀门?(已经?|也|都)?关|关(了|上|好|掉)(总)?(阀|闸|气|电|火)|拉了?闸")
_NOT_OVER = re.compile(
    r"(还没|没有|没|未|还不|不能|别)(能|有)?(给|把|人)?(出来|救|灭|醒|找|关|来|到|好|散|接)|又(?!谢)|"
    r"还(有|是|在|没|能?闻|能(看|听)|冒|漏|晕|大|很|挺|不(行|见|敢|能)|着|响|烧|疼|流|困|卡|压|差|剩|昏)|仍|依然|依旧|照样|越来越|"
    r"里(面|头|边)(还|有|两|一|几|三|\d).{0,3}(人|个)"
)
_SIGN = re.compile(
    r"味|晕|恶心|想吐|[在直]吐|头疼|头痛|喘不|胸闷|昏迷|叫不醒|冒(烟|火|水)|浓烟|火(大|苗)|漏气|在漏|嘶嘶|滋滋|抽搐|流血"
)
# The same words, where they say that it has ended, or what it was.
_NO_SIGN = re.compile(
    r"(没|没有|不)(什么|啥|再|怎么|太)?(煤气|燃气|天然气)?(的)?(味(儿|道)?|头?晕|恶心|想吐|头疼|头痛|冒(烟|火花?|水)|漏气?|流血|喘)|"
    r"头(也)?不(晕|疼|痛)|味(儿|道)?(已经?|都|全)?(没|散)|散散?味|闻不(见|到|着).{0,4}味(儿|道)?|"
    r"(?<![还就都全总老可也])(是|原来)(?!煤气|燃气|天然气|液化气)[^，,。 ]{1,14}味(儿|道)?"
)
_SICK = re.compile(r"晕|恶心|想吐|[在直]吐|头疼|头痛|喘不|胸闷|昏|叫不醒|腿软|没劲|站不住")
_STILL = re.compile(r"还|又|仍|依然|依旧|照样|越来越|一直|可是|但")


def all_clear(text: str) -> bool:
    """没事了, 人救出来了: what was a danger is over, beyond doubt; not when it is asked, half denied, or a sign is left."""
    return bool(_OVER.search(text)) and not _NOT_OVER.search(text) and not has_sign(text) and not _asks(text)


def half_over(text: str) -> bool:
    """阀门关了: something of it is over, or done. A colleague's news from the spot, too."""
    return bool(_OVER.search(text) or _DONE.search(text)) and not _asks(text)


def has_sign(text: str) -> bool:
    """有味, 头晕, 冒烟: the danger is to be smelt, felt or seen; not when the same words say that it is gone."""
    return bool(_SIGN.search(_NO_SIGN.sub("", text)))


def lasts(text: str) -> bool:
    """还有味, 又冒烟了, 阀门关了可是头晕: it goes on, whatever was done."""
    return has_sign(text) and bool(_STILL.search(text) or half_over(text))


def sick(text: str) -> bool:
    """头晕, 恶心: in gas or smoke that is poisoning."""
    return bool(_SICK.search(_NO_SIGN.sub("", text)))


def _asks(text: str) -> bool:
    return bool(re.search(r"[吗么没]?[?？]\s*$|[吗么]\s*$", text))
