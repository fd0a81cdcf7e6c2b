"""What staff mean when they type instead of tapping: "行，下午派人去看" is an acceptance, "换好了" a result."""

import re
from dataclasses import dataclass
from typing import Protocol

from workflows.policy.lifecycle import WORKING, Rung, Status


@dataclass(frozen=True)
class StaffWord:
    """An action that a line of a colleague stands for, and the line itself as its note."""

    act: str
    note: str


_REFUSE = re.compile(
    r"不(归|属于?|是)(我|咱|俺)(们)?(单位|局|部门|科|公司|物业|社区)?(来)?(管|负责|的|范围|职责|的事|这边)?|不在(我们|我局|本局|职责|管辖)|不归(本|我)|"
    r"(归|属于?|应该是|应由|找|该是).{0,12}(局|委|办|公司|队|物业|部门).{0,4}(管|负责|的事|处理|解决|的)|管不(着|了|到)|没有(管辖|执法)权|退回"
)
_CANNOT = re.compile(
    r"(解决|处理|修|弄|办|搞|整|干|管)不(了|成|动|好|来)|不(能|给)修|^不修|没(办法|法|辙|能力|条件|钱|配件|预算|资质|权限)|无法|无能为力|超出.{0,6}(范围|能力)|办不到|不会弄|要.{0,8}(部门|社区|政府)(来|协调|出面)"
)
_NOT_TRUE = re.compile(
    r"不属实|(灯|门|盖|梯|水|电|路|墙|线|管|阀|车)?(是|都|还)好(好)?的|没坏|完好|没这回事|没有这(回|种)?(事|情况)|没(发现|看到|看见|见到|见着|啥问题|有问题|问题)|好好的|误会|假的|一切正常|都正常|不存在|没有?异常|哪有"
)
_NOT_YET = re.compile(
    r"还没(好|修|弄|处理|解决|换|清|完|动)|没(修|弄|处理|清|解决)(好|完|干净)?|根本没(动|修|弄)|还是(坏|老样子|那样|不|黑)|没(好|到位)|糊弄|不合格|依然|照旧"
)
_DONE = re.compile(
    r"(已经?|都|刚|全|给|今天|昨天|上午|下午|早上)?.{0,12}(修|换|清|弄|处理|解决|搞|整|拆|补|通|疏|铺|剪|喷|消杀|挪|移|运|拉|装|焊|整改|劝|调解)(好|完|了|走|掉|通|到位|妥|干净|平|上|过)|"
    r"已(修复|断电|送电|推上)|推上了|(已|都)(恢复|完工|完成|整改|解决|办结|到位)|搞定|亮了|通了|不漏了|恢复了|(问题|事)(已经?)?解决"
)
_PLAN = re.compile(
    r"(下周|下个?月|下星期|月底|年底|开春|明年|\d{1,2}月|\d{1,2}号|\d{1,2}日|周[一二三四五六日天]|国庆|元旦|节前|节后|\d+天(内|后)).{0,20}(施工|进场|开工|完成|完工|实施|安排|处理|喷|修|改|换|清|整治|动工|解决|列入|到)|"
    r"(已|要|准备|计划).{0,6}(列入|纳入|排|安排).{0,10}(计划|工期|项目)|计划"
)
_ACCEPT = re.compile(
    r"^(好|行|可以|收到|知道了|明白|嗯|中|成|没问题|OK|ok|好嘞|好的|得嘞)|(?<!已)在(修|弄|办|处理|清|换|查)(了|着|呢)?|正在|在?路上|尽快|"
    r"改天|敲门|没人(在家|开门|应)|家里没人|检修|抢修|明天(下午|上午)?(恢复|清走|修好)|联系(好|上|过)?(了)?.{0,8}(厂家|师傅|维保|施工队|公司|单位|部门|工人|人)|(派|叫|让|安排|联系).{0,6}(人|师傅|维修|工人|保洁|电工|水工|保安|同事|小).{0,8}(去|来|过去|看|处理|修|查)|"
    r"安排.{0,4}(人|师傅|维修|工人|保洁|电工|水工|检修|抢修|施工)|(去|来|过去)(现场)?看(一)?(看|下|眼)|"
    r"(马上|这就|一会儿?|待会|现在|今天|明天|下午|上午|晚上|中午|明早).{0,12}(去|到|来|过去|处理|看|修|查)|已?派(单|人)"
)
_TRUE = re.compile(
    r"(情况|确实|的确)?属实|确实(是|有|存在|坏|不|挺|这|很)|真的?(有|是|坏)|的确|(去|到|来).{0,6}看(了|过)?.{0,8}(是|有|坏|真|对|没错)|是真的|情况(是真|存在)|核实(过|了)|没错"
)
_SUPPLY = re.compile(
    r"(请|让|麻烦|叫)?.{0,4}(居民|他|她|业主|对方|住户)?.{0,4}(补充|说清|说明|再说说|发张|拍张|拍个|提供)|到底(在|是)(哪|几)|(哪|几)(栋|号楼|单元|层|个位置).{0,6}[?？]|具体(在|是)?(哪|什么|几)"
)
_TAKE = re.compile(
    r"我来(解决|处理|弄|办|协调|说|劝|调解|吧|$)|我(去|自己|给|帮).{0,6}(解决|处理|弄|修|换|办|协调|说|劝|调解)|交给我|包在我"
)
_PROPERTY = re.compile(
    r"(归|属于?|该|是)(由|是)?(着)?物业(管|负责|的)?|(联系|转|交|找|通知|让|请|报|给)(给)?.{0,4}(物业|维修)"
)
_COMMUNITY = re.compile(r"(上报|报|转|交|请)(给)?.{0,3}(社区|居委会|党委|书记)")
_HEAD = re.compile(r"(请|找|让|叫|联系).{0,4}(楼栋长|楼长|单元长|联户长)")
_AGREE = re.compile(
    r"(定|敲定|说定|讲定)(下来)?了|(谈|商量|协调|沟通|说|协商|商议)(好|妥|成|拢|定)(了)?|同意(改|换|赔|修|拆|搬|铺|调整|了)|达成|一致|(都|双方|三方|施工方|对方).{0,6}同意|签了"
)
_CONVENE = re.compile(
    r"(开|召集|组织|召开|约).{0,8}(会|协调|商量|座谈)|(叫|请|约|把).{0,14}(一起|坐下来|到一块|到场).{0,6}(谈|商量|聊|说|协调)?|协调会"
)
_WHISTLE = re.compile(r"吹(个)?哨|(转|报|上报|派|交)(给|到)?.{0,10}(局|公司|支队|大队|中心|委|办|部门)")
_ASK_WHISTLE = re.compile(r"吹(个)?哨")
_LATER = re.compile(
    r"(还没|没到|没来|等|估计|预计|大概|大约|争取|最快|最迟|得到|要到).{0,14}(天|周|到货|配件|零件|到|号|日|月|师傅|材料|好)"
)
_QUESTION = re.compile(r"(了|过)?(没有?|吗|么|没)[?？]\s*$|[?？]\s*$|怎么样了|咋样了|进展|到哪一?步")
_FINE = re.compile(
    r"(确认|现场|看(过|了)|去看).{0,10}(好|行|完|没问题|解决|通|亮|到位|干净|修|换)|^(好|行|没问题|可以|确认)(了|的)?$|(确实|是)(好|修好|换好|弄好|解决)|没问题(了)?|已经?(好|亮|通)了|修好了|弄好了|解决了"
)


def tells_result(text: str) -> bool:
    """Whether words of a result are among them, be they meant as one or not: 已经联系施工队，换了砖."""
    return bool(_DONE.search(text))


def read(text: str, status: Status, rung: Rung) -> StaffWord | None:
    """The action that `text` stands for at this point of a case, or None when it stands for none."""
    words = text.strip()
    if _NOT_THAT.search(words):
        return StaffWord("accept", words) if status in WORKING else None  # 先别转物业，我先去看看
    if _QUESTION.search(words) and not _SUPPLY.search(words):
        return StaffWord("card", words)  # a question about a case is no result: its card is the answer
    table: list[tuple[str, _Reads]]
    match status:
        case Status.TO_CONFIRM:
            table = [("not_fixed", _NOT_YET), ("confirm", _FINE), ("confirm", _TRUE), ("confirm", _DONE)]
        case Status.WITH_GRID:
            table = [
                ("not_true", _NOT_TRUE),
                ("head", _HEAD),
                ("property", _PROPERTY),
                ("ask_whistle", _ASK_WHISTLE),
                ("community", _COMMUNITY),
                ("agree", _AGREE),
                ("convene", _CONVENE),
                ("verify", re.compile(r"属实")),
                ("take_on", _TAKE),
                ("done", _unless(_DONE, _NOT_YET)),
                ("supply", _SUPPLY),
                ("verify", _TRUE),
                ("accept", _ACCEPT),
                ("accept", _LATER),
            ]
        case Status.WITH_PROPERTY:
            table = [
                ("cannot", _CANNOT),
                ("cannot", _REFUSE),
                ("done", _unless(_DONE, _NOT_YET)),
                ("supply", _SUPPLY),
                ("accept", _ACCEPT),
                ("accept", _PLAN),
                ("accept", _TAKE),
                ("accept", _LATER),
            ]
        case Status.WITH_COMMUNITY:
            table = [
                ("agree", _AGREE),
                ("convene", _CONVENE),
                ("whistle", _WHISTLE),
                ("property", _PROPERTY),
                ("done", _unless(_DONE, _NOT_YET)),
                ("supply", _SUPPLY),
                ("accept", _ACCEPT),
                ("accept", _PLAN),
                ("accept", _TAKE),
                ("accept", _LATER),
            ]
        case Status.WITH_DEPARTMENT:
            table = [
                ("refuse", _REFUSE),
                ("done", _unless(_DONE, _NOT_YET)),
                ("plan", _PLAN),
                ("refuse", _CANNOT),
                ("supply", _SUPPLY),
                ("accept", _ACCEPT),
                ("accept", _TAKE),
                ("accept", _LATER),
            ]
        case _:
            return None
    for act, pattern in table:
        if pattern.search(words):
            return StaffWord(act, words)
    return None


# What they do not want done, whatever they name with it.
_NOT_THAT = re.compile(r"(先别|别|不要|先不|甭|不用|暂不)(再|急着)?(转|联系|找|上报|报给|吹哨|召集|派)")
# Words of a result in a line that tells of something still to come, or that could not be done.
_STILL_TO_COME = re.compile(
    r"(?<!已)(?<!已经)在(修|弄|办|处理|清|换|查|施工)|正在|不修了|没人(在家|开门|应)?|敲门|改天|明天|明早|后天|下周|周[一二三四五六日天末]|"
    r"月底|尽快|争取|马上|待会|一会|在?路上|今晚|下午(去|来|修|换|清)|\d{1,2}[号日](前|之前|去|来|修|换|清|到|开)"
)
_PAST = re.compile(
    r"(修|换|清|弄|铺|处理|解决|通|拆|补|喷|打)(好|完|妥|干净|掉|通)了|已(经)?(修|换|清|弄|铺|处理|解决|恢复|完)"
)


# Somebody was told to come: a step, whatever they have begun with; only 修好了 and its like make a result of it.
_STEP = re.compile(r"(联系|通知|约|催|报给)(好|上|过|到)?(了)?.{0,8}(厂家|师傅|维保|施工队|公司|单位|部门|工人|人)")
_FINISHED = re.compile(
    r"(修|换|清|弄|铺|处理|解决|通|拆|补|喷|打|装|焊|搞|整|运|挪|移|剪)(好|完|妥|干净|掉|通|走|到位)|亮了|通了|热了|不漏了|恢复|搞定|完工|完成|解决了"
)


class _Reads(Protocol):
    def search(self, text: str) -> re.Match[str] | None: ...


class _unless:  # noqa: N801 - reads as the word it is
    """Matches `wanted` where `unless` does not match."""

    def __init__(self, wanted: re.Pattern[str], unless: re.Pattern[str]) -> None:
        self._wanted, self._unless = wanted, unless

    def search(self, text: str) -> re.Match[str] | None:
        """As a pattern's."""
        if _STILL_TO_COME.search(text) and not _PAST.search(text):
            return None
        if _STEP.search(text) and not _FINISHED.search(text):
            return None
        if re.search(
            r"(正在|准备|要|得|会|能|去|来|派人|安排|下午|明天|马上).{0,6}(修|换|清|弄|处理|解决|查|看)", text
        ) and not re.search(r"(好|完|妥|通|干净)了|已", text):
            return None
        return None if self._unless.search(text) else self._wanted.search(text)
