"""Danger now: what plain code hears in a message before anything else reads it, and what to tell a frightened person.

Two tables. `SIGNS` says what danger sounds like; `NOT_NOW` says what makes the same words a memory, a worry, a film or a
figure of speech. A message is danger when one sign is left that nothing beside it takes back: "昨天着火了" is a report,
"昨天着火了，现在又冒烟了" is a fire. Hearing too much costs a resident one short answer; hearing too little may cost a life.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

GAS_COMPANY = "燃气公司抢修电话（燃气表或燃气卡上有）"
LIFT_RESCUE = "电梯里的救援电话（贴在按钮旁）"


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    numbers: tuple[str, ...]
    advice: str


# In the order in which they are answered when a message holds several: what kills the helpers too comes first.
_KINDS: MappingProxyType[str, _Kind] = MappingProxyType(
    {
        "fire": _Kind(
            "着火",
            ("119",),
            "人先走，别拿东西，别坐电梯，用湿毛巾捂住口鼻弯腰走。\n门外烟大就别出去：关门堵缝，到窗口喊人。\n到安全的地方马上打火警：119",
        ),
        "gas": _Kind(
            "燃气泄漏",
            ("119", GAS_COMPANY),
            f"先别开关电器、别点火，开窗，马上到室外。\n到外面再打电话：{GAS_COMPANY}，没有接通就打119\n有人头晕、叫不醒，打120",
        ),
        "co": _Kind(
            "一氧化碳中毒",
            ("120", "119"),
            "马上开窗开门，把人弄到外面透气，自己别在屋里多待。\n赶紧打急救：120（进不去屋打119）\n人没有呼吸，就按压胸口正中，别停。",
        ),
        "shock": _Kind(
            "触电",
            ("120", "119"),
            "千万别用手去拉他！先拉电闸；拉不了就用干木棍把电线挑开。\n断了电马上打急救：120（断不了电打119）\n没有呼吸就按压胸口正中，别停。",
        ),
        "drowning": _Kind(
            "溺水",
            ("119", "120"),
            "自己别下水、别上冰！扔绳子、杆子、空水桶给他，大声喊人。\n马上打：119，再打急救120",
        ),
        "lift": _Kind(
            "困在电梯",
            (LIFT_RESCUE, "119"),
            f"别扒门、别跳，靠着墙坐下，人在里面等最安全。\n按住警铃，打{LIFT_RESCUE}；没人接就打119\n有人喘不上气，再打120",
        ),
        "violence": _Kind(
            "有人行凶",
            ("110", "120"),
            "先躲开，进屋锁门顶住，别去劝、别出声。\n马上打：110（不方便说话就发短信到12110）\n有人受伤打120",
        ),
        "suicide": _Kind(
            "轻生",
            ("110", "120"),
            "现在就打：110，受伤或吃了药打120\n在旁边的人请陪着他，别离开，慢慢说话，把刀和药拿远。\n要是您自己难受：别一个人扛着，有人愿意陪您，也可以打心理援助热线12356。",
        ),
        "life_support": _Kind(
            "断电断氧",
            ("120", "95598"),
            "马上打急救：120，就说“靠机器呼吸，没电了”。\n有备用氧气瓶、备用电池先换上，让病人半坐着。\n再打供电：95598，请他们先送电。",
        ),
        "collapse": _Kind(
            "坍塌压人",
            ("119", "120"),
            "先离开，别靠近，别爬上去挖，可能还会塌。\n马上打：119，再打急救120\n听见里面有人就喊他别动，记住位置告诉消防员。",
        ),
        "fall": _Kind(
            "坠落",
            ("119", "120"),
            "自己别下去（井里可能有毒气），守住井口，喊话让他别动。\n马上打：119，再打急救120",
        ),
        "trapped": _Kind(
            "被困",
            ("119", "110"),
            "别硬拉硬拽，跟里面的人说话，让他别动、别怕。\n马上打：119（打不通打110）\n里面有火有水先说清楚；受了伤再打120",
        ),
        "choking": _Kind(
            "噎住",
            ("120",),
            "从背后抱住他，拳头顶在肚脐上方，用力往里往上顶，顶到吐出来。\n小婴儿：脸朝下趴在胳膊上，拍背五下。\n同时让旁边的人打急救：120",
        ),
        "poisoning": _Kind(
            "中毒",
            ("120",),
            "马上打急救：120，把药瓶留着给医生看。\n没让催吐就别催吐，让他侧着躺，身边别离人。",
        ),
        "crash": _Kind(
            "车祸伤人",
            ("122", "120"),
            "人到路边安全的地方，别随便搬动伤员。\n马上打急救：120，再打122\n有人卡在车里打119",
        ),
        "medical": _Kind(
            "有人昏倒",
            ("120",),
            "马上打急救：120，开着免提听医生说。\n让他平躺、松开领口，别喂水喂药；吐了就侧过头。\n没有呼吸就按压胸口正中，别停；流血用干净布压紧。",
        ),
        "birth": _Kind(
            "要生了",
            ("120",),
            "马上打急救：120，开着免提听医生说。\n让她侧着躺下，别再走动，准备干净毛巾，门先打开。",
        ),
        "missing": _Kind(
            "走失",
            ("110",),
            "马上打：110，不用等24小时。\n说清穿什么衣服、在哪不见的，备好照片。\n家里留一个人等着。",
        ),
        "scald": _Kind(
            "热水烫伤",
            ("120",),
            "人先离开，别去堵喷水的口子，也别去碰水里的电器。\n烫着了马上用凉水冲20分钟，别抹东西、别撕衣服，打急救：120\n"
            "能够得着就关上暖气进户总阀，拉下电闸，再打供热公司抢修电话（缴费单上有）。",
        ),
        "live_water": _Kind(
            "漏电",
            ("95598", "120"),
            "先别碰水、花洒和热水器，能够得着就拉下总电闸。\n有人被电倒：120，断了电再去扶他。\n外面的电线漏电打供电：95598；家里的请物业电工来查。",
        ),
        "help": _Kind(
            "求救",
            ("110", "119", "120"),
            "先离开危险的地方。\n有人伤害您打110，着火、被困打119，人不舒服打120\n说不清就打110，告诉他们您在哪。",
        ),
    }
)
NAMES: dict[str, str] = {key: kind.name for key, kind in _KINDS.items()}


def advice_on(kind: str) -> str:
    """What to do first in such a danger and whom to ring; "" where nobody knows what kind it is."""
    return _KINDS[kind].advice if kind in _KINDS else ""


@dataclass(frozen=True, slots=True)
class Danger:
    """Somebody is in danger now. `certain`: the words leave no doubt, and whoever reads beside the net cannot overrule it."""

    kind: str
    numbers: tuple[str, ...]
    certain: bool = False

    @property
    def advice(self) -> str:
        """What to do first and whom to ring, in words for somebody who is frightened."""
        return _KINDS[self.kind].advice


# --- The message, made easy to read -----------------------------------------------------------------------------------

_LONGEST = 4000
_TRADITIONAL = str.maketrans(
    "著電燈氣門開樓燒煙暈裡裏個媽爺聞體來沒觸斷機腦壓牆發臉殺毆搶賊臺輕藥農關墜還應動壞險過這現嗎們輪傷給進從對請報員車頭難塊窩"
    "洩濃噴搖撐鍋趕緊驚療護"
    "廚爐煉災兒婦親鄰滿聲鎖撲滅讓邊瓶淺溝鐵蓋號單孫歲無嚴誰麼顆殼淚兩條",
    "着电灯气门开楼烧烟晕里里个妈爷闻体来没触断机脑压墙发脸杀殴抢贼台轻药农关坠还应动坏险过这现吗们轮伤给进从对请报员车头难块窝"
    "泄浓喷摇撑锅赶紧惊疗护"
    "厨炉炼灾儿妇亲邻满声锁扑灭让边瓶浅沟铁盖号单孙岁无严谁么颗壳泪两条",
)
_MISSPELT = {
    "着伙": "着火", "着货": "着火", "着活了": "着火了", "起伙": "起火", "煤起": "煤气", "煤汽": "煤气", "燃汽": "燃气",
    "天燃气": "天然气", "晕到": "晕倒", "昏到": "昏倒", "摔到": "摔倒", "圪倒": "倒", "处电": "触电", "触店": "触电",
    "电提": "电梯", "电题": "电梯", "店梯": "电梯", "楼到": "楼道", "就命": "救命", "救名": "救命", "救救命": "救命",
    "叫不行了": "叫不醒了", "没气儿": "没气", "冒焰": "冒烟", "冒眼": "冒烟", "氧汽": "氧气", "呼西": "呼吸",
    "泄露": "泄漏", "里边": "里面", "轻声自杀": "轻生自杀", "倒下": "倒下",
}  # fmt: skip
_MISSPELT_RE = re.compile("|".join(map(re.escape, _MISSPELT)))
_BREAKS = re.compile(r"[\s，。！？；、：…~～,.!?;:()（）\[\]【】“”\"‘’'「」『』|/\\]+")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\x00-\x08]"
)


_SPACED_OUT = re.compile(r"(?:\S {1,2}){2,}\S[,.!?，。！？]*")


def _plain(text: str) -> str:
    """Simplified, lower case, the usual slips of thumb and ear mended; every pause, written how it may, is one comma."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text[:_LONGEST]))[:_LONGEST].lower()
    if _SPACED_OUT.fullmatch(text.strip()):  # 着 火 了: a space after every character is a habit, not a pause
        text = text.replace(" ", "")
    text = _BREAKS.sub(_pause, text.translate(_TRADITIONAL))
    return _MISSPELT_RE.sub(lambda slip: _MISSPELT[slip[0]], text)


def _pause(found: re.Match[str]) -> str:
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    spelled = found[0] in {" ", "'"} and before.isascii() and after.isascii()
    return found[0] if spelled else "，"


# --- What danger sounds like ------------------------------------------------------------------------------------------

# Somebody: whoever can be hurt. `KIN` cannot be an office; `WHO` can also be "I", "he", "somebody".
_KIN = (
    "妈|爸|爹|娘|爷|奶|姥|老伴|老头|老太|老汉|老人|大爷|大妈|大叔|阿姨|大姐|大哥|叔|婶|姑|舅|姨|儿子|女儿|闺女|孩|娃|孙|弟|兄|哥|姐|妹|"
    "媳妇|老婆|老公|男人|女人|丈夫|室友|邻居|工友|同事|婆|公公|老乡|小伙|男的|女的|客人|顾客|病人|工人|租户|老师|学生|姑娘|小子|二柱|三娃"
)
_WHO = f"{_KIN}|人|他|她|我|俺|咱|师傅"
_WATER = "河|湖|水库|水里|冰(?![箱棍柜淇冻镇溜凌圪雹糖激])|渠|塘|池子|鱼池|江|海里"
_HOME = "屋|家|房|楼|窗|门|厨房|灶|阳台|店|仓库|车棚|地下室|走廊|单元|宿舍|库"


@dataclass(frozen=True, slots=True)
class _Sign:
    """`words` find the spot quickly; `pattern` then reads around it. A `lasting` state is not undone by "yesterday"."""

    kind: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    lasting: bool = False
    certain: bool = False


def _sign(kind: str, words: str, pattern: str = "", *, lasting: bool = False, certain: bool = False) -> _Sign:
    return _Sign(kind, tuple(words.split()), re.compile(pattern or words.replace(" ", "|")), lasting, certain)


_MAINS = "插座|插排|插线板|配电箱|配电柜|电表箱|电表|电箱|电闸|电源"

SIGNS: tuple[_Sign, ...] = (
    # Winter in a northern town. These stand first: what leaves no doubt is not left to the others of its kind.
    _sign(
        "fire",
        "冒烟 白烟 黑烟 浓烟 青烟",
        r"(?:电池|电瓶|电动车|电车|锂电).{0,16}冒(?:着|出|了)?[白黑浓青]?烟",
        certain=True,
    ),
    _sign("fire", "要炸 快炸", r"(?:锅炉|气罐|煤气罐|压力表).{0,14}(?:要炸|快炸)"),
    _sign("gas", "火烤 火烧 明火", r"(?:煤气罐|气罐|液化气罐|液化气).{0,12}(?:火烤|火烧|明火)"),
    _sign(
        "co",
        "头晕 恶心 想吐 晕倒",
        r"(?:炉子|炉火|煤炉|炭火|炭盆|热水器|煤烟).{0,16}(?:头晕|恶心|想吐|晕倒)",
        lasting=True,
        certain=True,
    ),
    _sign(
        "shock",
        "断",
        r"(?:(?:电线|高压线|电缆).{0,6}断|断.{0,3}(?:电线|高压线|电缆)).{0,14}(?:掉|落|搭|垂|躺|拖|甩|泡)(?:在|到|进)?.{0,4}(?:地上|路上|地面|路面|雪地|雪里|水里|车上|院里|马路)",
        lasting=True,
        certain=True,
    ),
    _sign(
        "collapse",
        "砸到人 砸着人 砸了人 砸中人 砸伤人 砸倒人",
        r"(?:冰|雪|墙皮|瓷砖|玻璃|广告牌|花盆|砖|树).{0,16}(?<!差点)(?<!险些)(?<!没)砸(?:到|着|中|伤|倒|了)(?:了)?(?:一个|个|路)?人了?(?=$|，|[0-9])",
        certain=True,
    ),
    _sign(
        "medical",
        "滑倒 摔倒 跌倒",
        rf"(?:{_KIN}|人).{{0,8}}(?:滑|摔|跌)倒.{{0,8}}(?:起不来|动不了|站不起来|爬不起来)",
        lasting=True,
        certain=True,
    ),
    _sign(
        "scald",
        "烫 喷",
        r"(?:暖气|供热|供暖|热力|热水|管道|管子|水管|阀门).{0,16}(?:爆|裂|崩|喷|呲|炸|冲开).{0,26}(?:烫(?:着|伤|到|坏)(?!过)|(?:喷|呲|浇)了?(?:我|他|她|人|孩子|老人).{0,3}一身)",
        lasting=True,
        certain=True,
    ),
    _sign(
        "scald",
        "热水 开水 蒸汽",
        r"(?:热水|开水|蒸汽).{0,6}(?:喷|呲)(?:得|了|出|到|满|着|一)|(?:喷|呲)(?:热水|开水|蒸汽)",
    ),
    _sign(
        "live_water",
        "火花 火星 冒火 打火 噼啪",
        rf"(?:漏水|漏到|滴到|泡水|进水|水).{{0,14}}(?:{_MAINS}).{{0,10}}(?:火花|火星|冒火|打火|噼啪)",
        certain=True,
    ),
    _sign(
        "live_water",
        "插座 插排 插线板 配电箱 配电柜 电表 电箱 电闸 电源",
        rf"(?:水|漏).{{0,6}}(?:流|漏|漫|泡|淹|灌|滴|渗|进|往).{{0,4}}(?:{_MAINS})|(?:{_MAINS}).{{0,6}}(?:泡在?水|进水|灌水|淹在?水|被水)",
    ),
    # Fire: said outright, but not a stove that lights, not a temper, not a hotpot.
    _sign(
        "fire",
        "着火 着大火",
        r"(?<![不打点得没带对沿顺靠守围拿抱举蹭朝望看等盯借趁挨])着大?火(?![点爆锅星车炉葬盆堆把龙腿气红眼])",
    ),
    _sign("fire", "起火 失火 走水了", r"(?<![打生点发引一])起(?:大)?火(?!锅|车|腿|龙|辣|热)|失火|走水了"),
    # Things that have caught.
    _sign(
        "fire",
        "着了 着起来 着开了",
        r"(?:棚|房|屋|楼|柴|草|垛|麦|电瓶|车|插座|帘|被子|沙发|锅|厨房|仓|店|垃圾|垃圾桶|库|山|林|家|箱|线|空调|床|床单|褥子|阳台|炕|树|场|插排|杂物|纸箱)"
        r"(?:里|上)?(?:也|都|又|全|突然|呼地|自己|就|给|被|让人|烧)*点?着(?:了(?![凉急迷魔慌地])|起来|开了)",
    ),
    _sign("fire", "烧起来 烧着了 着起来", r"(?<!发)(?<!终于)(?<!暖气)(?:烧起来|着起来了|(?<![睡炉灶])烧着了)"),
    _sign(
        "fire",
        "窜 蹿 喷火 明火 火光 大火",
        r"火(?:苗|舌|头)?子?.{0,6}[窜蹿]|喷火|明火.{0,4}(?:烟|烧|着)|见明火|火光|(?:是|起|着)大火",
    ),
    # Smoke where people live; chimneys, kitchens' fumes and smokers are somebody else's table.
    _sign(
        "fire",
        "浓烟 黑烟 白烟",
        rf"(?:{_HOME}|\d{{3}}).{{0,12}}(?:冒|窜|喷|滚|钻|呛|涌).{{0,4}}[黑浓白].?烟|[黑浓]烟滚滚|见浓烟|(?:{_HOME}).{{0,6}}浓烟",
    ),
    _sign(
        "fire",
        "是烟 满烟 子烟 烟雾",
        rf"(?:{_HOME}).{{0,6}}(?:全是|都是|满是|一屋子|满屋子).{{0,2}}烟(?!味|头|蒂|灰|盒|民)|烟.{{0,4}}下不去",
    ),
    _sign(
        "fire",
        "冒烟",
        r"(?:插座|插排|电表|配电箱|电箱|电闸|电瓶|电池|电动车|电车|仓库|屋|家里|窗户|门缝|楼上|对门|邻居|厨房|阳台|电视|冰箱|洗衣机|热水器|又).{0,8}(?:在|直|一直|往外|开始)?冒烟",
    ),
    _sign(
        "fire",
        "冒烟",
        r"(?:号楼|栋|单元|楼道|楼里|楼上|楼顶|室|户)(?:里|内|那边|那儿|门口|正|在|直|一直|往外|开始|有)*冒烟",
    ),
    _sign(
        "fire",
        "烟",
        rf"(?:{_HOME}).{{0,6}}(?:好大|很大|这么大)的?烟(?![味头筒囱])|烟.{{0,8}}(?:睁不开眼|喘不上气|出不去)",
    ),
    _sign("fire", "烟从", r"烟从.{0,6}(?:门|窗|楼|缝).{0,6}(?:钻|冒|进|出)"),
    _sign(
        "fire",
        "爆炸 炸了 砰砰",
        r"(?:煤气|燃气|气罐|液化气|锅炉|电瓶|电池|电动车|房|楼|店|灶).{0,8}(?:(?<!气)炸了|爆炸了?|砰砰)|一辆接一辆炸|爆炸了",
    ),
    _sign("fire", "一箱箱烧 烧着呢", r"烧着呢"),
    # Gas: a smell or a hiss indoors.
    _sign(
        "gas",
        "煤气 燃气 天然气 液化气 瓦斯 气罐 煤气罐",
        r"(?:煤气|燃气|天然气|液化气|瓦斯|气罐).{0,8}(?:泄漏|漏了|漏气|跑气|在漏|嘶嘶|哧哧|滋滋|呲呲)(?!报警|检测|的?自动)",
    ),
    _sign(
        "gas",
        "煤气味 燃气味 天然气味 液化气味 瓦斯味 煤气的味 燃气的味",
        r"(?:煤气|燃气|天然气|液化气|瓦斯).{0,2}味",
        lasting=True,
    ),
    _sign("gas", "鸡蛋", r"[臭坏].?鸡蛋.{0,2}味", lasting=True),
    _sign(
        "gas",
        "嘶嘶 吱吱 滋滋 哧哧 呲呲",
        r"(?:厨房|灶|阀(?!门?井)|罐|炉子|燃气|煤气|气管).{0,12}(?:嘶嘶|吱吱|滋滋|哧哧|呲呲)(?!.{0,6}水)",
    ),
    # The yellow pipe is the gas pipe, whoever has cut it.
    _sign(
        "gas",
        "黄管 黄管子 煤气管 燃气管 天然气管 气管子",
        r"(?:黄|煤气|燃气|天然气)管.{0,8}(?:[挖刨铲砸撞碰锯割钻弄钩扯]+(?:断|破|穿|漏)|断(?:了|开|成)|裂(?:了|开))(?!.{0,12}(?:修好|接上|换上|换好|焊好))",
    ),
    _sign("gas", "报警仪 报警器 下限", r"(?:报警[仪器]|浓度).{0,14}(?:味.{0,2}(?:大|重|浓)|到下限)"),
    _sign(
        "gas",
        "燃气报警 煤气报警 天然气报警 气报警 燃气表 煤气表 气表",
        r"(?:燃气|煤气|天然气|可燃气体?)的?.{0,2}(?:报警[器仪]?|警报器?).{0,8}(?:响|滴滴|嘀嘀|叫唤?|闹)(?!.{0,10}(?:没电|电池|换电|坏了))|(?:燃气|煤气|气)表(?!.{0,4}没电).{0,6}(?:滴滴|嘀嘀|报警)(?!.{0,10}(?:没电|电池|换电|余额|欠费))",
    ),
    # Carbon monoxide: a stove and a sick head.
    _sign("co", "煤气中毒 一氧化碳 炭中毒 煤烟中毒"),
    _sign(
        "co",
        "炉子 生炉 烧炉 生着炉 炭火 炭盆 炕洞 热水器 洗澡 煤烟",
        r"(?:炉|炭火|炭盆|热水器|洗澡|煤烟).{0,26}(?:头晕|头疼|恶心|想吐|都在吐|晕倒|昏|[叫喊]不|樱桃红|脸红扑扑)"
        r"|(?:头晕|恶心|想吐|在吐|[叫喊]不[应醒]).{0,26}(?:炉子|生着炉|炭火|炭盆|煤烟)",
        lasting=True,
    ),
    # Electric shock: a victim, not a hazard.
    _sign(
        "shock",
        "电线 高压线 电缆 火花",
        r"(?:电线|高压线|电缆).{0,8}[断掉垂落].{0,12}(?:火花|冒火|打火|滋啦|噼里啪啦)|(?:高压线|带电的线).{0,6}[断掉垂落].{0,4}(?:地上|路上|水里|地面)|(?:电线|电缆).{0,6}(?:断|掉|垂|落|刮断)(?:了|下来|在).{0,8}(?:地上|路上|水里|地面|火花)",
    ),
    _sign(
        "fire",
        "配电箱 电表箱 配电柜 插座 插排 变压器 电闸",
        r"(?:配电[箱柜]|电表箱|插座|插排|变压器|电闸|电箱).{0,12}(?:冒烟|冒火|窜火|冒青烟|冒黑烟)",
    ),
    _sign("shock", "触电", r"触电(?!体验|风险|危险|隐患|伤|保护|事故|警示|感)"),
    _sign(
        "shock",
        "电着 电倒 电死 电晕 电击 被电",
        rf"(?:{_WHO}).{{0,8}}(?:被|叫|让)?.{{0,4}}(?:电着了|电倒|电晕|电击(?![治枪器棒感])|电死了|电住|被电(?!了?一下))",
    ),
    _sign("shock", "粘", r"手.{0,3}粘|粘(?:在|住).{0,6}(?:线|电|插|架|闸)|(?:线|电|插|充电).{0,12}粘(?:住|着)"),
    _sign(
        "shock",
        "不动 抽 倒",
        r"(?:摸|碰|插|抓|踩|攥|趴|贴|挂).{0,8}(?:线|水泵|电|插|闸|架子).{0,16}(?:抽(?![风烟水屉空])|倒|不动|哆嗦，?手)|不动.{0,8}攥着.{0,4}线|倒.{0,12}抽.{0,12}(?:线|电)",
        lasting=True,
    ),
    _sign(
        "live_water",
        "洗澡 花洒 淋浴 洗手 水龙头 热水器",
        r"(?:洗澡|花洒|淋浴|洗手|水龙头|热水器).{0,12}(?:被电|电了[我俺他她]|电[得到着]|过电|漏电(?![保开]|保护)|带电|手麻|麻[得了]一下)",
    ),
    # Water and ice.
    _sign("drowning", "河里 湖里 水库 渠里 池塘", r"(?:河里|湖里|水库|渠里|池塘).{0,3}有人.{0,4}(?:掉|跳|栽|滑)"),
    _sign(
        "violence",
        "打老婆 打媳妇 打孩子 打老人 打他妈",
        r"打(?:老婆|媳妇|孩子|老人|他妈).{0,6}(?:厉害|往死里|流血|见血|救命|要出人命)",
    ),
    _sign("drowning", "溺水 落水", rf"(?:{_WHO}).{{0,6}}(?:溺水|落水)|(?:溺水|落水)了"),
    _sign(
        "drowning",
        "河 湖 水库 水里 冰 渠 塘 池 江 海里 淹",
        rf"(?:{_WHO}).{{0,8}}(?:掉|跳|滑|摔|栽|跌).{{0,6}}(?:{_WATER})|(?:{_WATER}).{{0,8}}(?:有人|孩|娃|人).{{0,12}}(?:扑腾|漂|沉|喊|挣扎|只.{{0,2}}见|淹)|(?:孩|娃|人).{{0,8}}(?:冰).{{0,6}}漂|(?:{_WATER})里?有人，"
        rf"|(?:{_WHO}).{{0,4}}(?:快|要|被)?淹(?:了|死|没)",
    ),
    _sign(
        "drowning", "齐腰 没过 淹到", r"水.{0,4}(?:齐腰|没过.{0,2}(?:膝|腰|胸|头)|淹到.{0,3}(?:腰|胸|脖))", lasting=True
    ),
    # Lifts: somebody inside, not a lift that is out of order.
    _sign(
        "lift",
        "电梯 轿厢 货梯",
        rf"(?:困|关|卡|堵)在?.{{0,3}}(?:电梯|轿厢|货梯)|(?:电梯|轿厢|货梯).{{0,8}}(?:困|关|卡)(?:着|住|了)?.{{0,6}}(?:{_WHO})",
        lasting=True,
    ),
    _sign(
        "lift",
        "电梯 轿厢 货梯",
        rf"(?:电梯|轿厢|货梯).{{0,14}}(?:停|卡|不动|打不开|坏|掉|困|关|不开).{{0,14}}(?:里面|里头|里).{{0,6}}(?:{_WHO})|(?:电梯|轿厢).{{0,16}}(?:{_WHO}).{{0,8}}在里",
        lasting=True,
    ),
    _sign(
        "lift",
        "电梯 轿厢 货梯",
        rf"(?:{_WHO}).{{0,6}}(?:在|被).{{0,4}}(?:电梯|轿厢|货梯).{{0,12}}(?:出不|困|卡|关|下不)|(?:电梯|轿厢).{{0,10}}(?:出不[去来]|困住)",
        lasting=True,
    ),
    _sign(
        "lift",
        "半空",
        rf"(?:{_WHO}|里头).{{0,8}}(?:卡|吊|停|困)在.{{0,4}}半空|(?:吊|卡|停)在.{{0,3}}半空.{{0,6}}(?:{_WHO})",
        lasting=True,
    ),
    _sign("lift", "上不去下不来 门打不开", r"门[打扒]不开.{0,6}(?:里|我).{0,6}上不去下不来"),
    # Violence that is happening.
    _sign(
        "violence",
        "刀 枪 斧",
        r"(?:拿|持|举|抡|挥|掏|提|握|攥|亮)(?:着|出|起|了)?.{0,4}(?:菜刀|刀(?!具|片|削|叉)|枪|斧)|手里有.{0,2}刀|动刀",
    ),
    _sign("violence", "砍 捅 杀人", r"砍人|砍倒|砍伤|被砍|被.{0,4}捅|捅(?:了人|人|伤|死|了.{1,2}刀)|刀.{0,3}捅|杀人"),
    _sign(
        "violence",
        "打死 打我 救我 家暴 往死里打 掐",
        r"(?:要|快|会|往死里).{0,2}打(?:死)?(?:我|人|她|他)|往死里打|(?:正|在|又)打我|家暴.{0,8}(?:救|快|现在|正)|掐.{0,3}脖",
    ),
    _sign(
        "violence",
        "撬 踹 砸 闯 小偷 贼 陌生人",
        r"(?:有人|贼|小偷|陌生人|男的).{0,8}(?:正|在|一直|现在|使劲).{0,6}[撬踹砸].{0,4}门|闯进.{0,4}(?:家|屋)|(?:贼|小偷|陌生人).{0,6}进(?:来了?|了?我?.?(?:家|屋)(?:了|里|，|$))",
    ),
    _sign(
        "violence",
        "抢劫 绑架 抢孩子 强奸 劫持",
        r"(?:有人|被|正在|遇到).{0,6}(?:抢劫|绑架|抢孩子|强奸|劫持)|(?:抢劫|绑架)了",
    ),
    # About to harm oneself.
    _sign(
        "violence",
        "撬 棍 刀 砖",
        r"有人.{0,4}(?:撬|砸).{0,4}(?:门|锁|窗)(?!.{0,6}偷走)|(?:拿|抄|抡|举)着?.{0,4}(?:棍|刀|砖|斧|酒瓶).{0,8}(?:打|砍|砸|追|闹)",
    ),
    _sign(
        "violence",
        "打老婆 打媳妇 打孩子 打老人 家暴",
        r"(?:打|揍|殴打)(?:老婆|媳妇|他妈|老人).{0,14}(?:哭|喊|叫|救|流血|现在|正|一直)|(?:哭|喊|叫).{0,10}(?:正|在|又)打(?:老婆|媳妇|孩子|老人)",
    ),
    _sign("missing", "走丢", r"(?:爸|妈|爷|奶|老人|老头|老太|孩|娃|姥).{0,10}走丢了", lasting=True),
    _sign(
        "suicide",
        "药",
        r"(?:药|药片|药瓶).{0,5}(?:都|全|一把|整瓶|一口气).{0,3}[咽吞](?:了|下|进|光)|[咽吞](?:了|下).{0,4}(?:整瓶|一整?瓶|一大?把|几十[片粒颗]).{0,6}药",
        lasting=True,
    ),
    # Said goodbye to without naming it: pills saved up, an end announced for tonight.
    _sign(
        "suicide",
        "攒 意思 拖累",
        r"药.{0,4}攒(?:够|好|齐|下)|攒(?:够|好|齐).{0,4}药|没(?:啥|什么|甚)意思了.{0,20}(?:今晚|就走|药|告别|解脱)|不(?:再)?拖累.{0,10}(?:走了|先走|告别|解脱)",
    ),
    _sign(
        "suicide",
        "不想活 不活了 跳下去 活不下去 想死 去死 不想撑 自杀 轻生 寻短见 跳楼 割腕 上吊 遗书 死了算了 结束自己",
        r"不想活|我.{0,3}不活了|(?:要|想|准备)(?:从.{0,4})?跳下去|活不下去|我想死(?!你)|想去死|不想撑|自杀|轻生|寻短见|跳楼(?![价机大甩])|割腕|(?<![檐树户杆梁线架])上吊(?![下灯顶的着扇装挂锅])|写.{0,3}遗书|死了算了|结束自己",
        lasting=True,
    ),
    _sign(
        "suicide",
        "楼顶 天台 窗台 窗沿 栏杆 顶楼 窗外 楼边",
        rf"(?:{_WHO}).{{0,8}}(?:[坐骑跨爬]|(?<![拌车网卫水电气油点])站).{{0,6}}(?:楼顶|天台|窗台|窗沿|栏杆|楼边|窗外)|(?:楼顶|天台|窗台|窗沿|顶楼|栏杆).{{0,8}}[坐站骑跨].{{0,8}}(?:{_WHO})|(?:楼顶|顶楼|天台).{{0,4}}(?:{_WHO}).{{0,6}}[骑跨坐站]",
        lasting=True,
    ),
    # Machines that somebody lives by.
    _sign(
        "life_support",
        "呼吸机 制氧机 吸氧机 氧气 透析机 吸痰",
        r"(?:呼吸机|制氧机|吸氧机|氧气机|氧气[瓶罐]|氧气|透析机|吸痰器).{0,14}(?:停了|没电|断电|断了|不转|不动|没有电|见底|用完|没了|不工作|电池|备用|停电|快没|撑不)|(?:停电|没电|断电|跳闸|电断|停了).{0,24}(?:呼吸机|制氧机|吸氧机|氧气机|靠.{0,2}氧)",
        lasting=True,
    ),
    # Collapse with people in it.
    _sign(
        "collapse",
        "塌 倒 砸 垮 埋",
        rf"(?:墙|房|楼|屋|顶|棚|土方|脚手架|架子|坑|桥|洞|牌).{{0,8}}(?:塌|倒|砸|垮).{{0,14}}(?:压(?:着|住|在|了)|埋|(?:里面|里头|底下).{{0,5}}(?:{_WHO}|喊|救|叫))|(?:{_WHO}).{{0,4}}(?:被|让|给)?埋",
        lasting=True,
    ),
    _sign(
        "collapse", "塌了 要塌 正在塌 要倒", r"(?:楼|房子?|墙|屋顶|围墙)(?:正在|马上要?|快要?|眼看要?|要)[塌倒](?!闭)"
    ),
    _sign(
        "collapse",
        "砸到人 砸着人 砸了人 砸中人 砸伤",
        r"(?<!差点)(?<!险些)(?<!没)(?<!幸亏没)砸(?:到|着|中|伤|倒)(?:了)?(?:一个|个|路)?(?:人|老人|孩子|娃|老头|老太|行人)(?:了|$|[，,。！!])",
    ),
    # Into a hole.
    _sign(
        "fall",
        "井盖 井口 下水井 窨井",
        r"(?:井盖|井口|下水井|窨井|井).{0,10}(?:刚|有)?(?:有)?(?:个)?(?:人|孩子|娃|老人|老太太|老头)(?:刚|已经)?(?:掉|摔|栽)(?:进|下)(?:去|里)",
    ),
    _sign(
        "fall",
        "掉 摔 栽 跌 陷",
        rf"(?:{_WHO})[^车轮]{{0,10}}(?:掉|摔|栽|跌|陷)(?:(?:进|到|下|在)?[^，头]{{0,6}}(?:井|坑|沟|窟窿|洞)(?:里|口|下|，|$|快|了)|(?:进|下)去了)(?:了)?",
    ),
    _sign(
        "fall",
        "坠楼 掉下楼 摔下 掉下来 摔下来 坠下",
        rf"(?:{_WHO}).{{0,4}}(?:坠楼|掉下楼|摔下楼)|(?:{_WHO}).{{0,6}}从.{{0,10}}(?:掉|摔|跌|坠)下",
    ),
    # Held fast.
    _sign(
        "trapped",
        "压",
        rf"(?:{_WHO}|腿|手|身子).{{0,6}}(?:被|给)?压(?:住|着|在).{{0,8}}(?:出不来|动不了|车|底|里|喊)|(?:底下|下面).{{0,2}}压(?:着|住)?.{{0,2}}(?:人|孩|娃)|(?:腿|手)压着",
        lasting=True,
    ),
    _sign(
        "trapped",
        "卡 挂",
        rf"(?:{_WHO}|头|脑袋|腿|轮椅).{{0,8}}卡(?:在|住|着)?.{{0,6}}(?:防盗|护栏|栏杆|窗|门缝|铁道|轨|网|树|洞|缝)|(?:防盗|窗).{{0,4}}(?:外|上).{{0,4}}(?:挂|吊)着?.{{0,2}}(?:{_WHO})|(?:{_WHO}).{{0,4}}挂在.{{0,4}}(?:防盗|窗|阳台|树)|(?:里面|里头).{{0,2}}(?:{_WHO}).{{0,2}}卡|卡着喊",
        lasting=True,
    ),
    _sign(
        "trapped",
        "反锁 锁",
        rf"(?:{_WHO}).{{0,6}}(?:被)?(?:反锁|锁)在.{{0,10}}(?:屋|家|车|厕|卫|房|地下室|里)|反锁.{{0,8}}(?:呻吟|出不来|孩|娃|火)",
        lasting=True,
    ),
    _sign(
        "trapped",
        "被困 困住 困在",
        rf"(?:{_WHO})[^车羊]{{0,4}}(?:被困|困在|困住)|被困.{{0,4}}(?:{_WHO})|被困在",
        lasting=True,
    ),
    _sign("trapped", "喊救命 喊救我 喊着救 呻吟 求救", r"喊.{0,2}救[命我]|呻吟|求救声", lasting=True),
    # Choking, poison, birth.
    _sign(
        "choking",
        "噎 嗓子 喉咙 吞",
        rf"噎(?:住|着|到)|(?:卡|堵).{{0,2}}(?:嗓子|喉咙|气管)|(?:{_KIN}).{{0,4}}吞了.{{0,5}}(?:电池|硬币|针|钉|珠|糖)",
        lasting=True,
    ),
    _sign(
        "poisoning",
        "喝 吞 吃 灌",
        rf"(?:{_WHO}).{{0,6}}[喝吞吃灌]了?.{{0,8}}(?:农药|敌敌畏|百草枯|老鼠药|耗子药|安眠药|洁厕|消毒液|毒蘑菇)",
    ),
    _sign("poisoning", "中毒", rf"(?:{_WHO}).{{0,6}}中毒了|食物中毒.{{0,6}}(?:吐|晕|拉)"),
    _sign("birth", "要生了 快生了 羊水 破水", rf"(?:{_WHO}).{{0,6}}(?:要生了|快生了|羊水|破水)"),
    # The road.
    _sign(
        "crash",
        "翻沟 翻车 撞人 车祸 撞飞 撞倒 翻了",
        rf"车.{{0,4}}翻.{{0,4}}沟|撞(?:了)?人了|(?:{_WHO}).{{0,4}}被.{{0,4}}(?:撞飞|撞倒)|车祸.{{0,12}}(?:人|血|伤|躺)|翻车.{{0,10}}人",
    ),
    # The body.
    _sign("medical", "不醒", r"(?:叫|喊|唤|推|摇|弄|拍|怎么都|昏迷)(?:都|也)?不醒(?!装)|没醒过来", lasting=True),
    _sign(
        "medical",
        "不应 不起来 不动了 没反应",
        rf"(?:{_KIN}|人|他|她).{{0,8}}[叫喊推](?:都|也)?(?:不应|不起来|不动了?|没反应)",
        lasting=True,
    ),
    _sign(
        "medical",
        "昏倒 晕倒 昏迷 晕过去 昏过去 不省人事 休克 晕厥 昏死 已经晕了 晕了",
        rf"昏倒|晕倒|昏迷|[晕昏]过去|不省人事|休克|晕厥|昏死|(?:{_KIN}).{{0,3}}晕了",
        lasting=True,
    ),
    _sign(
        "medical",
        "呼吸 心跳 没脉 没气 断气",
        rf"没(?:有|了)?(?:呼吸|心跳|脉)|(?:呼吸|心跳)(?:停|没)|(?:{_KIN}|人).{{0,6}}(?:没气了|断气)|倒.{{0,4}}没气了|没气了.{{0,4}}按",
        lasting=True,
    ),
    _sign("medical", "按压 胸口 aed", r"(?:在|着)按压|按着?.{0,2}胸口|胸口.{0,4}(?:疼|痛|闷)|拿aed", lasting=True),
    _sign(
        "medical",
        "紫 发青 脸青 白沫 翻白 流涎 憋青 嘴歪",
        r"(?:嘴|唇|脸|指甲).{0,4}(?:发紫|紫了|青了|发青|憋青|憋紫)|脸青|口吐.{0,2}白沫|(?:人|他|她|爷|奶|妈|爸|爹|娘|孩|娃|伴|头).{0,10}(?<!往外)吐.{0,2}白沫|眼.{0,2}翻白|翻白眼|流涎|嘴.{0,2}歪",
        lasting=True,
    ),
    _sign("medical", "抽搐 抽过去 抽风 在抽 抽呢", rf"抽搐|抽过去|(?:{_WHO}).{{0,6}}(?:抽风了(?!似)|在抽|抽呢)"),
    _sign(
        "medical",
        "倒地 倒了 倒下 倒在 躺地 躺在 摔倒 趴着",
        rf"(?:{_KIN}|人|他|她).{{0,10}}(?:倒地(?!铃)|倒下(?!就|来骂)|倒在)|(?:{_KIN}).{{0,2}}(?:突然|一下子?|忽然|就|刚刚?|刚才)?[绊滑摔跌]?倒了|躺(?:在)?地上.{{0,4}}(?:不|没|叫)",
        lasting=True,
    ),
    _sign(
        "medical",
        "起不来 动不了",
        rf"(?:摔|跌|(?<!扑)倒|躺).{{0,8}}(?:起不来|动不了|动弹不得)|(?:{_KIN})(?:突然|一下子?)?起不来了",
        lasting=True,
    ),
    _sign("medical", "不行了", rf"(?:{_KIN}|人)(?:快|要|眼看)?不行了|(?:{_KIN}).{{0,5}}快不行了", lasting=True),
    _sign(
        "medical",
        "心梗 脑梗 中风 脑溢血 脑出血 心脏病 半边",
        r"(?:突发|突然|犯了?|疑似|像是|怕是|刚).{0,4}(?:心梗|脑梗|中风|脑溢血|脑出血|心脏病)|(?:心脏病|中风)(?:又)?犯了|半边.{0,4}(?:动不了|不能动|没知觉)",
        lasting=True,
    ),
    _sign(
        "medical",
        "上气 过气 上不来气 呼吸困难",
        rf"(?:{_WHO}).{{0,10}}(?:喘不[上过]来?气|上不来气|呼吸困难)",
        lasting=True,
    ),
    _sign(
        "medical",
        "血",
        r"(?:流|淌|出|喷).{0,3}(?:很多|好多|大量|一地|满地|不止).{0,2}血|血.{0,3}(?:不止|止不住|流一地|流了一地|流满地|流到)|一直(?:在)?流血|大出血|大口.{0,2}吐血",
        lasting=True,
    ),
    # Somebody is gone, now.
    _sign(
        "missing",
        "走丢 走失 不见了 找不到了 找不着了 失踪 丢了",
        rf"(?:{_KIN})[^钥包机证卡车狗猫钱东鞋衣帽书的本房照针，]{{0,8}}(?:走丢了|走失了?|不见了|找不[到着]了|失踪了?|丢了)|(?:痴呆|糊涂).{{0,10}}(?:不见了|走丢|找不[到着])",
        lasting=True,
    ),
    # Crying for help and meaning it.
    _sign(
        "help",
        "救命",
        r"^(?:快?来人[呀啊]?，?|，)*(?:救命[呀啊哪呐了阿]*，?)+(?:$|[0-9]|(?:快|来人|救|谁来|有人在?吗|帮).{0,12}$)|快来人.{0,3}救命|救命.{0,4}快来人|救命.{0,2}不是(?:玩梗|开玩笑)",
    ),
    _sign("help", "救救", r"救救(?:我|孩子|他|她|我妈|我爸|人)(?!们?家?的?(?:树|车|花|狗|猫|房|钱包|头发|网|耳朵))"),
    # Other tongues.
    _sign(
        "fire",
        "fire",
        r"\bfire\b(?! ?(?:alarm|drill|exit|lane|hydrant|station|hazard|door|safety|extinguisher|fighter|engine|truck))",
    ),
    # "Не горит свет" is a lamp that is out: what burns must be a place where people live.
    _sign(
        "fire",
        "пожар горит горим",
        r"пожар(?!н)|горим\b|(?:дом|квартира|подъезд|этаж|кухня)\s+горит|(?<!не )горит\s+(?:дом|квартира|подъезд|кухня)",
    ),
    _sign(
        "gas",
        "gas газ",
        r"gas leak|smell(?:s|ing)? (?:of )?gas|leaking gas|утечк\w+ газ|пахнет газ|газом пахнет|запах газа",
    ),
    _sign("lift", "lift elevator лифт", r"(?:stuck|trapped) in (?:the |an? |this )?(?:lift|elevator)|застря\w+ в лифт"),
    _sign(
        "medical",
        "unconscious breath heart сознания дыш",
        r"unconscious|not breathing|can ?'?t breathe|stopped breathing|heart attack|без сознания|не дышит",
    ),
    _sign("violence", "knife gun нож", r"(?:with|has|have) (?:a )?(?:knife|gun)|с ножом"),
    _sign("suicide", "kill myself suicide", r"kill(?:ing)? myself|suicide"),
    _sign("drowning", "drowning тонет", r"is drowning|are drowning|тонет"),
    _sign("help", "help помогите спасите", r"^help(?: me| us)?(?:，help(?: me)?)*，?$|help me，|помогите|спасите"),
)
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}

# --- What takes it back -----------------------------------------------------------------------------------------------

# Words that bring a story back to this minute.
_NOW = re.compile("现在|这会儿?|正在|此刻|眼下|今天|今早|今晚|刚才|刚刚|又|如今|这阵|马上|right now|сейчас")
# Yesterday: over, unless the sign is one that lasts until somebody helps (he went to bed last night and does not wake).
_YESTERDAY = "昨[天日晚夜儿]|前晌|yesterday|вчера|last night"
_LONG_AGO = (
    "前天|前晚|前几天|前些|前年|去年|上周|上个?星期|上个?礼拜|上个?月|上回|上次|那次|那年|那天|那回|以前|曾经|小时候|当年|当时|早些年|正月|腊月|"
    "(?:[0-9一二两三四五六七八九十几半]+(?:天|年|个?月|周|个?星期)(?:之?前|了))|last (?:week|month|year)|ago"
)
_PAST = re.compile(f"{_YESTERDAY}|{_LONG_AGO}")
_LONG_PAST = re.compile(_LONG_AGO)
# "The socket that was mended yesterday is burning": the past belongs to something else than the danger.
_PAST_OF_SOMETHING_ELSE = re.compile(
    "(?:换|修|装|买|报修|接|租|充|盖|交)(?:的|了|完|好|过)|刚|才|反映|投诉|说过|跟你们|没人管|没修|检查|好好的|还好"
)
_IF = re.compile(
    "要是|如果|万一|假如|假设|一旦|倘若|若是|(?<![可别不])怕(?!是|，|.{0,8}(?:正在|现在))|担心|生怕|别等|等.{0,8}才|容易|会不会|可能会|迟早|早晚|差点|险些|以防|防止|避免|预防|"
    "谨防|严禁|禁止|(?<!不)小心(?!翼)|当心|难道|出了事(?!，)|出点事|真(?=着|起|有火)|不敢想|哪天|明天|后天|下周|if |what if|может"
)
# What is told, played, taught or read.
_STORY = re.compile(
    "(?<!看)电影(?!院)|(?<!看)电视剧|(?:电影|剧|新闻|游戏|小说|抖音|网|书)[里上中说]|恐怖片|惊悚片|灾难片|这个?游戏|热搜|新闻(?!大|小|路|楼|里小)|短视频|报道|"
    "梦见|梦到|做梦|(?<!不是)演习|(?<!不是)演练|模拟|[那这]部(?!电梯|梯|车)|歌词|段子|培训(?!班)|讲座|宣讲|知识|预案|上一?课|"
    "听说.{0,6}(?:外地|别的|有个地方)|movie|drill|game|training"
)
_HABIT = re.compile(
    "天天|每天|每晚|每逢|每次|每周|经常|老是|总是|动不动|三天两头|隔三差五|(?<![俩两二])老(?=走丢|停电|跳闸|困人|冒烟|着火|漏)|总(?=困人|冒烟|停电)|一到.{0,5}就"
)
_HABIT_AFTER = re.compile("^，(?:每|天天)")
# "着火的隐患", "着火都进不来", "困过人", "拿刀的那个": the words name a thing or a time, they do not cry.
_NAMED = re.compile(
    "(?:的)?(?:隐患|风险|危险|可能|原因|责任|逃生|保险|报警器|怎么(?:赔|预防|防|避免|逃|跑)|算谁)|.{0,3}的(?:那[个人家次天回年段]|事)|"
    "[^，了]{0,3}过(?![来去不路得])|"
    "(?<![了着里])(?:往哪|时(?!间)|的话|谁(?:负责|管|赔|承担|知道)|演|可咋|那[次天回年]|[就都也可].{0,4}(?:进不|跑不|逃|完|来不及|过不|没法|没处))"
)
_DENIED = re.compile(
    "(?:(?<!是)不是|并不是|并非|(?<!有)没有?|未|没见|不会|(?<!会不)会|易|(?<!可)能|没闻[到见].{0,2}|[热晒辣渴气急].{0,2}得.{0,3})$"
)
_SOLVED_ANYHOW = "没事了|虚惊|误报|解决了|(?<!没)(?<!不)(?:处理好|修好)"
_RESCUED = "(?:救|放|弄|拉|抬|撬|捞|爬|人都?)出来了|救[上下]来|撬开|捞上来|人没事|人还好|没受伤|没伤|没啥事|没大事|擦破"
_CARED_FOR = "(?<![吵惊没不])醒了|(?<!没)醒过来|缓过来|救过来|送.{0,3}医院了|出院|人没事|人还好|早好了"
_SOLVED = MappingProxyType(
    {
        kind: re.compile(f"{_SOLVED_ANYHOW}|{words}")
        for kind, words in {
            "fire": "(?<![灯电没])(?<![灯电][全都也])灭了|(?<!没)(?<!不)扑灭(?!不)|没烧起来|没着火|over now|put out",
            "gas": "不漏了|没漏|没味了|测了.{0,3}不漏|fixed",
            "violence": "带走|抓走|抓了|抓住|散了|人没事",
            "missing": "找到了|找着了|找回来|回来了",
            "suicide": "[劝救拉抱]下来了",
            "choking": "吐出来了|咽下去了",
            "life_support": "来电了|有电了|换上了",
        }.items()
    }
)
_SOLVED_OTHERWISE = re.compile(f"{_SOLVED_ANYHOW}|{_RESCUED}|{_CARED_FOR}")
# More of it, after all: "救出来一个，还有两个压着".
_AGAIN = re.compile("又|再次|还[在有没困卡压]|again")
# "爬楼喘不上气", "吵得不想活了", "笑晕过去": a body in a figure of speech, unless somebody asks for help with it.
_FIGURES = (
    (re.compile("喘|过气|上气|上不来气"), re.compile("[热吵臭冷熏呛味累爬闷]|[随催压逼忙]得|油烟|压力|房贷|加班")),
    (re.compile("不想活|不活了|想死|去死|不行了"), re.compile("[热吵臭冷饿笑丑]|尴尬|蚊子")),
    (re.compile("晕|昏|休克|吐血"), re.compile("[笑丑帅美香]|尴尬|[气价急]得|价格")),
)
_IN_EARNEST = re.compile("突然|快来|快叫|快点|救|120|紫|青|不行了")
# "面包砖碎了，老人都绊倒了，来修修吧": a fall told to say what is broken, unless somebody lies there hurt.
_FALL = re.compile("[绊滑摔跌]倒|[绊滑摔跌]了一?[跤下]")
_HURT = re.compile(
    "起不来|站不|动不|动弹|走不了|血|昏|晕|骨折|摔断|腿断|破了|疼得|很疼|刚|现在|正在|快来|快点|快叫|救|120|叫不|没反应|不醒|躺|趴|地上|抽|不行了|"
    "突然|一下子|没气|喘"
)
_BROKEN = re.compile("砖|坑|井盖|不平|坏|碎|烂|松了|松动|翘|塌|裂|缺|鼓|窟窿")
_TO_MEND = re.compile(
    "修|补|铺|整治|换(?!了)|撒盐|铲|除[冰雪]|清(?:一清|理|走|扫)|没人管|管管|昨|前[天晚几]|上[周次回]|没事|没大碍|幸亏|好几|[两三四五几]个|"
    "都.{0,2}[绊滑摔跌]"
)
# "再不修我就跳楼" may be anger; nobody may bet on it.
_THREAT = re.compile("我(?:就|真|只能|都|今天)*(?:要|想|去|从.{0,4})?(?:跳楼|不想活|不活|去死|自杀|上吊|死给)")
# Smells and smokes whose source is known and not in the room.
_ELSEWHERE = MappingProxyType(
    {
        "gas": re.compile(
            "地漏|下水|洗[手菜脸]|马桶|厕所|养殖|化工|自来水|水龙头|热水|河|湿|水压|喷水|粪|污水|门口路|马路|路边|院外"
        ),
        "fire": re.compile(
            "抽烟|吸烟|赌|打牌|麻将|烧烤|烟囱|油烟|饭店|饭馆|羊杂|烧纸|秸秆|烟道|排烟|烧垃圾|锅炉房|工厂|香火"
        ),
    }
)
_SMELL_OR_SMOKE = re.compile("味|烟|滋|嘶|吱|哧|呲")
_SICK = re.compile("头晕|头疼|恶心|想吐|不敢开灯|满屋|一屋|越来越")


def _windows(text: str, sign: _Sign) -> Iterator[tuple[int, int]]:
    """Where in the text the sign's words stand, with what surrounds them; near ones as one."""
    spots: list[int] = []
    for word in sign.words:
        at = text.find(word)
        while at >= 0:
            spots.append(at)
            at = text.find(word, at + len(word))
    start = end = -1
    for spot in sorted(spots):
        if spot - 40 > end:
            if end >= 0:
                yield start, end
            start = max(0, spot - 40)
        end = spot + 44
    if end >= 0:
        yield start, min(end, len(text))


@dataclass(frozen=True, slots=True)
class _Found:
    """A sign where it stands: its clause up to and with the sign, and what is said before and after."""

    earlier: str
    before: str
    inside: str
    after: str
    later: str


def _look_around(text: str, found: re.Match[str]) -> _Found:
    begin = text.rfind("，", 0, found.start()) + 1
    end = text.find("，", found.end())
    end = len(text) if end < 0 else end
    return _Found(
        text[max(0, begin - 24) : begin],
        text[max(begin, found.start() - 60) : found.start()],
        found[0],
        text[found.end() : min(end, found.end() + 40)],
        text[end : end + 30],
    )


def _undone(words: re.Pattern[str], text: str) -> bool:
    """Whether the words stand in the text and nothing after them brings it back to now."""
    found = words.search(text)
    return found is not None and not _NOW.search(text, found.end())


def _is_past(sign: _Sign, around: _Found) -> bool:
    clause = around.before + around.inside
    if sign.lasting:
        return _undone(_LONG_PAST, clause) and not _PAST_OF_SOMETHING_ELSE.search(clause)
    told = around.earlier + clause
    return _undone(_PAST, told) and not _PAST_OF_SOMETHING_ELSE.search(told)


def _is_told(sign: _Sign, around: _Found) -> bool:
    """Whether it is a worry, a story or a nuisance of every day."""
    clause = around.before + around.inside
    if _IF.search(clause) and not (sign.kind == "suicide" and _THREAT.search(clause)):
        return True
    if _STORY.search(clause + around.after) or _undone(_STORY, around.earlier + clause):
        return True
    return _undone(_HABIT, clause + around.after) or bool(_HABIT_AFTER.search(around.later))


def _is_figure(sign: _Sign, around: _Found) -> bool:
    """Whether the body is a figure of speech, or the smell and the smoke come from a source that is known."""
    clause = around.before + around.inside
    rest = around.after + around.later
    for words, exaggeration in _FIGURES:
        if words.search(around.inside) and exaggeration.search(clause) and not _IN_EARNEST.search(clause + rest):
            return True
    elsewhere = _ELSEWHERE.get(sign.kind)
    if elsewhere is None or not _SMELL_OR_SMOKE.search(around.inside):
        return False
    whole = around.earlier + clause + rest
    return bool(elsewhere.search(whole)) and not (sign.kind == "gas" and _SICK.search(whole))


def _is_solved(sign: _Sign, around: _Found) -> bool:
    rest = around.after + around.later
    solved = _SOLVED.get(sign.kind, _SOLVED_OTHERWISE).search(rest)
    return solved is not None and not _AGAIN.search(rest, solved.end())


def _is_now(text: str, sign: _Sign, found: re.Match[str]) -> bool:
    """Whether nothing around the sign says that it was, might be or never was."""
    around = _look_around(text, found)
    if _DENIED.search(around.before) or _NAMED.match(text, found.end()):
        return False
    if sign.kind == "medical" and _FALL.search(found[0]) and _is_fall_told(text):
        return False
    return not (
        _is_told(sign, around) or _is_past(sign, around) or _is_figure(sign, around) or _is_solved(sign, around)
    )


def tells_of_a_fall(text: str) -> bool:
    """Whether somebody's fall is told to say what is broken, and nothing says that they lie there hurt now."""
    return _is_fall_told(_plain(text))


def _is_fall_told(plain: str) -> bool:
    fall = _FALL.search(plain)
    if fall is None or _HURT.search(plain):
        return False
    return bool(_TO_MEND.search(plain)) or (fall[0][0] == "绊" and bool(_BROKEN.search(plain)))


def check(text: str) -> Danger | None:
    """The danger that the message tells of, if there is one now. Never raises, needs nothing but the text."""
    plain = _plain(text)
    best: str | None = None
    certain = False
    for sign in SIGNS:
        if best is not None and _RANK[sign.kind] >= _RANK[best]:
            continue
        for start, end in _windows(plain, sign):
            if any(_is_now(plain, sign, found) for found in sign.pattern.finditer(plain, start, end)):
                best, certain = sign.kind, sign.certain or certain
                break
    return None if best is None else Danger(best, _KINDS[best].numbers, certain)
