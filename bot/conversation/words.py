"""Plain words that mean the same in every dialogue: yes, no, never mind, a correction, one of these numbers."""

import re

_TAIL = r"[啊呀吧呢嘛的了哈哦噢~！!。.，,\s]*"
_YES = re.compile(
    rf"(对|是|是滴|是的呢|嗯呐|中|对着|嗯+|好|行|可以|没错|就是|同一件|一样|是同一件|是的|对的|对对|是这个|就是这个|就这个|对就是{_TAIL}|OK|ok|yes){_TAIL}"
)
_SAME = re.compile(r"(是|就|对).{0,4}(同一|一件|这件|这个|它)|同一(件|个)|一样的|也是这")
_NO = re.compile(
    rf"(不是|不对|不一样|不同|都不是|没有|不|否|另一件|另外的|别的|no|NO){_TAIL}|不是.{{0,4}}(同一|一件|一回|这件|这个).*|不是一(码|回)事.*|(这|我这)?是?另(一|外).{{0,6}}"
)
_NEVER_MIND = re.compile(
    rf"(唉|哎|嗯|那|那就)?[，,]?(算了|不用了|不要了|不说了|不反映了|不报了|撤了|撤回|撤销|取消|退出|没事了|发错了?|点错了|当我没说|不弄了|不办了|不麻烦了|先不报了|我撤回|撤了吧)"
    rf"[，,]?(吧|啊|了|算了|不用了|不弄了|不反映了|我自己弄|谢谢|没事|没事了|不麻烦你们了|不麻烦了|当我没说)*{_TAIL}"
)
_CORRECTION = re.compile(
    r"(说|打|写|发|输|记)错|不对[，, ]|更正|改一下|应该是|不是.{1,10}[，, ]?(是|而是)|纠正|错了[，, ]|搞错|弄错"
)
_MORE = re.compile(r"^(还有|另外|再就是|对了|顺便|还要反映|再反映|再说一个|除了这个)|也(有|是|不|坏|没|要|这样|一样)")
_DONT_KNOW = re.compile(r"不(知道|清楚|晓得|太清楚)|说不(清|好|准|上来)|不好说|记不(清|得)")
_PARTLY = re.compile(
    r"(只|就|才).{0,6}(一半|一部分|一点|一个|半)|一半|部分|有的.{0,6}(没|还)|还(差|剩)|没(弄|修|清|处理)(完|干净|彻底)|不彻底"
)
_FIXED = re.compile(r"(修|弄|处理|解决|搞|整|换|清)(好|完|妥|利索)了?|解决了|好了|亮了|通了|不漏了|没问题了|满意")
_NOT_FIXED = re.compile(
    r"没(解决|修好|弄好|好|人|动静|用|变化|效果)|还(是|在|没|那样)|根本没|白(修|弄)|糊弄|敷衍|没修|没弄|没来|不行|又(坏|不|漏|堵|停|黑|来)|修了个|寂寞|照样|依旧|依然"
)
_AGAIN = re.compile(
    r"又(坏|不|没|漏|堵|停|黑|响|臭|来|有|冒|开始|犯|跟以前|凉|冷|那样|成|多|起|回来|塌|裂|掉|断|跳|乱|脏|出现|复发|跟原来)|"
    r"(上次|上回|前几天|刚)?.{0,6}(喷|修|弄|清|换|处理|整治|打药|消杀)(药|了|过|的)?.{0,6}(没用|没管用|不管用|白|没几天|没两天|反弹)|老毛病|旧病|反复"
)
_HAN_NUMBER = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_NUMBER = re.compile(r"(?:第|选|选第|就)?\s*([1-9]|1\d|[一二两三四五六七八九])\s*(?:个|项|条|件|号|种|类)?\s*[。.!！]?")
_DECORATION = re.compile(r"[^\w]+")


def yes(text: str) -> bool:
    """对、是的、就是这个."""
    bare = text.strip()
    return not no(bare) and bool(_YES.fullmatch(bare) or (len(bare) <= 16 and _SAME.search(bare)))


def no(text: str) -> bool:
    """不是、不一样."""
    return bool(_NO.fullmatch(text.strip()))


_WANTS = re.compile(rf"(要|需要|登记|也(要)?登记|报|也报)(的|一下|上|吧)?{_TAIL}")


def wants(text: str) -> bool:
    """要, 也登记."""
    return bool(_WANTS.fullmatch(text.strip()))


def never_mind(text: str) -> bool:
    """算了、不用了、发错了."""
    return len(text.strip()) <= 24 and bool(_NEVER_MIND.fullmatch(text.strip()))


_STARTS_NEVER_MIND = re.compile(
    r"^(唉|哎|嗯|那|那就)?[，, ]?(算了|不用了|不用(报|登记|管)了?|别(报|登记)了|不(报|反映|登记)了|撤了|撤回|取消)"
)
_POLITE = re.compile(
    r"(非常|太|多)?(谢谢|感谢|辛苦)(了|你们?|您们?|啦|啊)*|^(嗯+|哎呀?|啊|哦|噢|对|是)(的)?[，, ]*|[，,。！!~ ]+"
)
_VERDICT = re.compile(
    r"(?P<solved>(真|挺|很|都|全|已经?)*(解决|修好|弄好|处理好|好|行|可以|清|清走|换好|通|亮|热|妥|利索|来水|来电)了|(很|挺|非常)?(满意|好|棒|不错)|真(好|棒|行|快)|中|算是吧|OK|ok|好使了?|解决|没问题了?)|(?P<partly>部分(解决)?了?|解决了?(一)?部分|(修|好|解决)了一半|一半)|"
    r"(?P<no>没有|没|没解决|没好|还没|没修好|没弄好|不行|没有解决|根本没解决|不满意)"
)


def gives_up(text: str) -> bool:
    """算了，我自己换个灯泡吧: said while a report is being taken, it ends it."""
    return len(text.strip()) <= 30 and bool(_STARTS_NEVER_MIND.match(text.strip()))


def verdict(text: str) -> str:
    """A bare answer to 解决了没有: solved, partly, not, or empty."""
    if re.fullmatch(r"[👍👌🙏💯\s]+", text):
        return "solved"
    text = _POLITE.sub("", text) or text
    bare = re.sub(_TAIL + "$", "", text.strip()) + ("了" if text.strip().rstrip("。！!~ ").endswith("了") else "")
    found = _VERDICT.fullmatch(bare)
    if found is None:
        return ""
    return {"no": "not"}.get(str(found.lastgroup), str(found.lastgroup))


def correction(text: str) -> bool:
    """说错了、不是3号楼是5号楼."""
    return bool(_CORRECTION.search(text))


def more(text: str) -> bool:
    """还有、另外: a further matter is announced."""
    return bool(_MORE.search(text.strip()))


_JOINT = re.compile(r"还有|另外|顺便|再就是|对了|再一个|以及|其次|第二|除此")


def joined_by_more(text: str) -> bool:
    """Whether somewhere in the message a further matter is announced."""
    return bool(_JOINT.search(text))


def dont_know(text: str) -> bool:
    """说不清."""
    return len(text) <= 16 and bool(_DONT_KNOW.search(text))


_NAME_OF_PLACE = re.compile(r"小区|名|叫[啥什]|院子|什么地方")


def dont_know_name(text: str) -> bool:
    """不知道小区叫啥: something else may still tell where it is."""
    return dont_know(text) and bool(_NAME_OF_PLACE.search(text))


def partly(text: str) -> bool:
    """修了一半; 好多了但是早上还不热."""
    return bool(_PARTLY.search(text)) or (bool(_FIXED.search(text)) and hedged(text))


_HEDGED = re.compile(
    r"但|可是|不过|只是|就是(有|还|一|不|太|水|灯|老)|(亮|通|热|来|修|好|走)(是)(亮|通|热|来|修|好|走)|一闪|有点(不|黄|小|凉|暗)|还有"
)


def hedged(text: str) -> bool:
    """亮是亮了，一闪一闪的: done, and yet not."""
    return bool(_HEDGED.search(text))


def fixed(text: str) -> bool:
    """修好了; not when the same line says that it isn't, or not quite."""
    return bool(_FIXED.search(text)) and not not_fixed(text) and not hedged(text)


def not_fixed(text: str) -> bool:
    """还是那样、没人来."""
    return bool(_NOT_FIXED.search(text))


def again(text: str) -> bool:
    """又坏了."""
    return bool(_AGAIN.search(text))


_DENIES = re.compile(r"没(解决|修好|弄好|处理好)|根本没|白(修|弄)|糊弄|没(修|弄|来)(过)?")


def denies(text: str) -> bool:
    """没解决: what was said to be done never was."""
    return bool(_DENIES.search(text))


_BEHALF = re.compile(
    r"(?:帮|替|代|给)(?P<name>[^，。,.\s说]{0,6}?(?:大爷|大娘|大妈|奶奶|爷爷|阿姨|叔叔|老人家?|姥姥|姥爷|婆婆|公公|我妈|我爸|母亲|父亲|老太太|老爷子|大叔|大婶|邻居|师傅|先生|女士|老师))"
    r"(?:.{0,8}?)(?:反映|反应|说|问|报|提|上报|登记|求助|来)"
)
_CONSENT = re.compile(
    r"(他|她|老人|本人|人家|大爷|大妈|奶奶|爷爷)?.{0,4}(同意|知道|让我|托我|叫我|要我|委托|请我|拜托)"
)
_ABUSE = re.compile(
    r"傻[逼比x×叉]|混蛋|王八|滚蛋|滚|妈的|他妈|垃圾(系统|机器|玩意|东西)|废物|去死|蠢|白痴|智障|狗屁|操你|草你|sb|SB"
)


_OURS = re.compile(
    r"(我们|咱们?|俺们?|本)(这|这个|那个|这儿)?(小区|院|楼|单元|家|这|门口)|小区(里|内|南|北|东|西|门|大门|后|外)|楼(下|后|前|道)|院里|门口|家里"
)


_PARTICLES = re.compile(r"[的在是我们咱俺住家这那里边儿呢啊吧哈，。,.、\s]|这边|那边|附近|位置|地址|小区|那块")
_NEAR = re.compile(r"楼[下上前后道里]|门口|院里|家里|路边|这边|那边")
_DOORS = re.compile(r"[\dA-Za-z一二三四五六七八九十百]+\s*(号楼|栋|座|幢|单元|号院|号|楼|层|室|门|户|#|-|—)*")


def only_place(text: str, *names: str) -> bool:
    """Whether nothing is left of a line once the place is taken out: 园林小区的, 3号楼2单元."""
    rest = text
    for name in names:
        rest = rest.replace(name, "").replace(name.removesuffix("小区"), "") if name else rest
    return not _PARTICLES.sub("", _NEAR.sub("", _DOORS.sub("", rest))).strip()


def our_estate(text: str) -> bool:
    """Whether the place is told from where the speaker lives: 我们小区南门, 楼后."""
    return bool(_OURS.search(text))


def on_behalf(text: str) -> str:
    """For whom somebody reports (帮王大爷反映…); empty when for themselves."""
    found = _BEHALF.search(text)
    return found.group("name")[:40] if found else ""


def consents(text: str) -> bool:
    """Whether the words say that the other one knows and agrees."""
    return bool(_CONSENT.search(text))


_RINGS_ME = re.compile(
    rf"(就|先|还是)?((打|找|联系|打电话)给?我|给我打(电话)?)(的|本人|这|就行|电话|手机){{0,2}}{_TAIL}"
)
_TELEPHONE = re.compile(r"(?<!\d)(1[3-9]\d{9}|0\d{2,3}[-—]?\d{7,8}|\d{7,8})(?!\d)")


def rings_me(text: str) -> bool:
    """打给我: the answer to whom to ring."""
    return bool(_RINGS_ME.fullmatch(text.strip()))


def telephone(text: str) -> bool:
    """Whether a telephone number is among the words."""
    return len(text) <= 60 and bool(_TELEPHONE.search(re.sub(r"(?<=\d)[ 　-](?=\d)", "", text)))


def abusive(text: str) -> bool:
    """Insults; only used to find the fitting answer where there is no matter in the message."""
    return bool(_ABUSE.search(text))


def chosen(text: str, options: list[list[str]], *, numbered: bool = True) -> str:
    """The payload of the offered button that a typed number or its own words name; empty if none.

    Numbers count only as an answer to a question: a stray "1" must not start a correction.
    """
    bare = text.strip()
    number = _NUMBER.fullmatch(bare)
    if number and numbered:
        n = _HAN_NUMBER.get(number.group(1)) or int(number.group(1))
        return options[n - 1][1] if 1 <= n <= len(options) else ""
    plain = _DECORATION.sub("", bare)
    if not plain:
        return ""
    for words, payload in options:
        if plain == _DECORATION.sub("", words):
            return payload
    return ""


_ASKS_HOME = re.compile(
    r"(你们?)?(知道|记得)?(我家|我住|我的(家|地址|住址))(是)?(在)?(哪|哪儿|哪里|什么地方|几号楼)(儿|呢|吗|啊|知道吗)?[？?。]?"
)
_ASKS = re.compile(r"[?？]\s*$|(吗|呢|没有|不)\s*$|哪儿?|哪里|什么时候|甚会儿|多久|几时|几点(?!多)|怎么(样|还|不)|咋")


def asks_home(text: str) -> bool:
    """我家在哪: a question about what we know, no place."""
    return bool(_ASKS_HOME.fullmatch(text.strip()))


def asks(text: str) -> bool:
    """Whether a line asks something, so that a place in it is no correction."""
    return bool(_ASKS.search(text))


def bare_number(text: str) -> bool:
    """第三个, 选2: an answer to a question that nobody has asked."""
    return bool(_NUMBER.fullmatch(text.strip()))


_CASE_NUMBER = re.compile(r"([A-Za-z]{2})\s?(\d{6})\s?[-—–_]?\s?(\d{2,})")


def case_number(text: str) -> tuple[str, str]:
    """The number of a case that a line names, written properly, and the rest of the line; "" when it names none."""
    found = _CASE_NUMBER.search(text)
    if found is None:
        return "", text
    rest = (text[: found.start()] + text[found.end() :]).strip(" ，,。：:【】[]")
    return f"{found[1].upper()}{found[2]}-{found[3]}", rest


_ONLY_MINE = re.compile(
    r"(就)?(在|是)?(我|咱|俺)?(们|的)?(这|那)?(小区|院|楼|家|单元)?(里|内|外|下|后|前|上|道|门口|这儿|那儿|附近|旁边|这里)*[的啊呢吧。，]*"
)


def only_mine(text: str) -> bool:
    """我家门口, 我们楼下: a place that only those can find who know where the speaker lives."""
    return bool(_ONLY_MINE.fullmatch(text.strip()))


_BARE_NO = re.compile(
    r"(都|还|根本|压根)?(没有?|不行|不满意|没解决|没好|没修好|没弄好|没有解决|只?解决了?(一)?部分|部分(解决)?|一半)"
)


def tells_why(text: str) -> bool:
    """Whether a verdict says what is still wrong, and not only that something is."""
    bare = _DECORATION.sub("", text)
    return len(bare) > 6 and not _BARE_NO.fullmatch(bare)


_TAKES_BACK = re.compile(r"(?<![不别])(?<!不要)(?<!不用)(?<!先别)(撤(回|销|诉|了|掉|吧)|取消)")
_NOT_NEEDED = re.compile(
    r"不用(再|你们|您|人)*(来|办|管|修|弄|处理|麻烦)(人|你们|您)?了|"
    r"(?<![说业们区傅员都也就又还])不(办|弄|修|报|反映)了"  # 物业说不修了 is a complaint
)
_NO_MORE = re.compile(r"不用了(?=$|[，,。！!~ 谢])")
_LETS_GO = re.compile(
    r"^(唉|哎|嗯|那|那就)?[，,]?算了|(的事|那个|那件事?|这件事?|这事)(我)?(先|就|也)?不(管|提|说|追究|计较)了"
)
_RESIGNED = re.compile(
    r"不说了|没(什么|啥)?(用|意思)|白(说|搭|报|反映)|反正|指望|失望|寒心|心凉|懒得|随便|无所谓|爱.{1,3}不|"
    r"(没|不)(人)?(管|理|来)|不了了之|有(什么|啥)用|认了|忍(忍|着|了)|就这样|(等|拖|推)(来|到|了)"
)


def withdraws(text: str) -> bool:
    """撤回, 不用办了, 算了; see `surely_withdraws`."""
    return any(words.search(text) for words in (_TAKES_BACK, _NOT_NEEDED, _LETS_GO))


def takes_back(text: str) -> bool:
    """撤回, 撤吧, 取消; not 别撤."""
    return bool(_TAKES_BACK.search(text))


def surely_withdraws(text: str) -> bool:
    """撤回, a bare 算了, 暖气热了不用来了; not 算了 说了也没用, which may only be a sigh."""
    if _TAKES_BACK.search(text):
        return True
    without = _NO_MORE.sub("", _NOT_NEEDED.sub("", text))
    return not _RESIGNED.search(without) and (never_mind(text) or without != text)


_GOES_ON = re.compile(r"(继续|接着|还是)(给我|帮我)?(办|管|修|弄|处理)|[不别]撤|不要撤|不用撤|不取消|别取消|(办|修)吧")


def goes_on(text: str) -> bool:
    """接着办, 别撤: the answer to whether a case is to be withdrawn."""
    return len(text) <= 20 and bool(_GOES_ON.search(text))


_NOTHING_FOUND = re.compile(
    r"(巡|转|走|查)(查|逻|了|完|过)?.{0,12}(没(有)?(发现)?(什么|啥)?(问题|情况|异常|隐患)|未发现|一切(都)?正常|都(挺)?好|没事)"
)


def nothing_found(text: str) -> bool:
    """巡查一圈，没发现问题."""
    return len(text) <= 40 and bool(_NOTHING_FOUND.search(text))


_WHO = re.compile(r"(你|您)(到底|究竟)?(是不是|是)?.{0,4}(机器人|真人|人工智能|AI|ai|程序|谁|什么东西|人(吗|还是))")


def asks_who(text: str) -> bool:
    """你是机器人吗."""
    return bool(_WHO.search(text))


_GOING = re.compile(
    r"^(好的?|行|收到|嗯|OK|ok)?[，,！! ]*(我|我们|马上|这就|立刻|正在?|已经?)*(就|先)?(在)?"
    r"(去了?|过去了?|赶过去|往那(儿|边)?赶|出发了?|在?路上了?|来了)"
    r"(看看|看一下|一下|看)?[了啊呢吧。！!]*$"
)
_THERE = re.compile(r"^(我|我们)?(已经?)?到(了|现场|楼下|门口|跟前)")


def going(text: str) -> bool:
    """我去, 马上过去: a colleague takes up a danger without tapping."""
    return bool(_GOING.match(text.strip()))


def there(text: str) -> bool:
    """我到了: a colleague reports from the spot."""
    return bool(_THERE.match(text.strip()))


_COMPLAINS = re.compile(r"投诉|举报|告(他|她|状)|反映.{0,6}(态度|作风)|要说说")
_OFFICE = re.compile(r"(?<!支部)(?<!支)书记|(社区|居委会|村委会)(主任|干部|工作人员|的人)|主任")


def complains(text: str) -> bool:
    """投诉、举报."""
    return bool(_COMPLAINS.search(text))


def about_the_office(text: str) -> bool:
    """Whether the community's own secretary or staff are spoken of, by their office."""
    return bool(_OFFICE.search(text))


_ACK = re.compile(
    r"((好|好的|行|嗯+|哦+|噢+|是|对|中|成|知道了?|明白了?|收到|晓得了?|那行|那好|OK|ok|就这个?)[，,。！!~ 吧啊呀哈呢]*)+"
)


def acknowledges(text: str) -> bool:
    """好的知道了: heard, and nothing is wanted."""
    return bool(_ACK.fullmatch(text.strip()))


_PLACE_SIGNS = re.compile(
    r"[楼栋座幢号单元层室户门口路街巷道院区村排边旁附近对面前后里外上下东西南北河桥湖渠店校场库棚亭站塔园厂广坡角头侧顶底]|\d"
)


def placelike(text: str) -> bool:
    """Whether a line could tell a place at all."""
    return bool(_PLACE_SIGNS.search(text))


_ENTRANCE = re.compile(r"楼道|单元|楼梯|楼[下上]|门洞")


def our_entrance(text: str) -> bool:
    """楼道灯: of the entrance where the speaker lives, not just somewhere in the estate."""
    return bool(_ENTRANCE.search(text))


_HOURS = re.compile(
    r"[\d一二三四五六七八九十两]点|周[一二三四五六日末]|星期|礼拜|上午|下午|中午|晚上|早上|白天|[上下]班|今天|明天|后天"
)
_VISIT = re.compile(r"上门|来人|[别不]要?[^，。]{0,6}来|再来|过来|在家|有空|没空|[有没]人")


def about_visiting(text: str) -> bool:
    """我晚上七点才在家: when somebody may come, and no place."""
    return bool(_HOURS.search(text)) and bool(_VISIT.search(text))


_LIVES = re.compile(r"(我|俺|咱)(家)?(就)?(住|是)(在)?")


def tells_home(text: str) -> bool:
    """我住富邦小区2号楼."""
    return bool(_LIVES.search(text))


_PROTESTS = re.compile(
    r"胡说|瞎说|放屁|骗人|不是这样|谁说的|没来过|没人来|睁眼|不作为|撒谎|明明|怎么可能|扯淡|你们来看"
)


def protests(text: str) -> bool:
    """Said to 不属实: it is true all the same."""
    return bool(_PROTESTS.search(text))


_PROGRESS = re.compile(
    r"进度|进展|谁在管|谁管|到哪(一)?步|有消息(了)?(吗|没)|有人(理|管)(我|吗)|12345|啥时候|什么时候|多会儿|甚会儿"
)


_WHEN = re.compile(
    r"((什么|甚么|啥|甚|哪)(时候?|会儿|天)|多会儿)[^，。！]{0,6}(能|才|可以|来|到|修|弄|办|处理|解决|好|通)"
    r"|几(时|点|天)[^，。！]{0,3}(能|才|来|修|弄|办|处理|解决|好)|(多久|多长时间)|(得|要|还)(等|多少|几)[^，。！]{0,2}(天|久|多长)"
)
_SOMETHING_NEW = re.compile(r"又|还有|另外|坏|漏|堵|爆|停了|断了|着火|没了|破|裂|臭|吵|滴")


def asks_when(text: str) -> bool:
    """这要多久, 啥时候能修好: a question about what is under way, and no more of the report."""
    return len(text) <= 16 and bool(_WHEN.search(text)) and not _SOMETHING_NEW.search(text)


def asks_progress(text: str) -> bool:
    """进度, 谁在管: not more of the report."""
    return len(text) <= 16 and bool(_PROGRESS.search(text))
