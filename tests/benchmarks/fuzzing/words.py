"""What people write when all is well, and what nobody should ever have to read."""

from random import Random

PLACES = (
    "富邦小区3号楼2单元", "富邦小区5号楼", "园林小区3号楼2单元402", "仕奇小区", "扎达盖河边", "前毛道村", "我家楼下",
    "小区南门", "", "", "",
)  # fmt: skip
MATTERS = (
    "楼道灯不亮了", "暖气一点都不热", "垃圾堆了三天没人收", "下水道往外冒水", "蚊子多得不敢开窗", "楼下饭店油烟太大",
    "物业收了钱不干活", "楼上半夜吵得睡不着", "网格员从来不接电话，要投诉", "业委会的账从来不公示",
)  # fmt: skip
SAID = (
    "你好", "在吗", "谢谢", "好的知道了", "我的事办得怎么样了", "快点，催一下", "解决了", "只修了一半", "没修好", "算了",
    "不是这个", "是同一件", "还有一件", "说错了，是5号楼", "我家在哪", "转人工", "建议在院里装个凉亭", "说不清", "1", "2",
    "第3个", "不知道", "又坏了", "没人来", "帮隔壁王奶奶反映，她同意", "撤回", "都不是", "门口", "什么时候能来人", "没事了",
)  # fmt: skip
DANGER = ("着火了快来人", "闻到一股煤气味", "电梯里困了人", "有人触电倒地上了", "人救出来了")
ON_DUTY = (
    "属实", "去看了，属实", "不属实，灯亮着", "已解决，换了灯泡", "解决不了，没有权限", "明天上午派电工去", "转物业",
    "上报社区", "我来解决", "无照片", "12月5日进场施工", "3天内", "下下周三", "月底", "不归我们管，是园林局的事", "我去",
    "到了", "现场没事了", "取消", "施工方、物业、居民，明天上午", "商量好了，下周铺油路", "请水务局来一趟", "巡查没发现问题",
    "请补充几点在家", "现场确认，好了", "还没好",
)  # fmt: skip
COMMANDS = (
    "/start", "/help", "/cases", "/menu", "/desk", "/digest", "/digest 停", "/digest 恢复", "/digest 本周", "/home",
    "/home 富邦小区3号楼2单元", "/home 月亮上", "/invite", "/invite 白小燕", "/join", "/join ABCD-1234-0000",
    "/start ABCD-1234-0000", "/desk@xiaoshao_bot", "/unheard_of", "/", "//", "/ home", "/HOME   富邦小区", "/digest 2026-48",
)  # fmt: skip
MONGOLIAN = "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ ᠪᠡᠷ ᠪᠢᠴᠢᠪᠡ"
ODD = (
    "", " ", "\n\n\n", "\u200b\u200b\u200b", "\x00", "灯\x00不亮", "\ud83d", "灯\udc00不亮\ud800", "\u202e了亮不灯\u202c",
    "😡😡😡", "👍", "👨‍👩‍👧‍👦", MONGOLIAN, "Сайн байна уу, гэрэл унтарсан", "the light on the stairs is broken", "هذا المصباح لا يعمل",
    "灯" * 5000, "富邦小区" * 2500, "下" * 9000 + "周", "很\n" * 3000, "a" * 10_000, "９９９９９天", "0天", "999天", "32月99日", "2月30号",
    "99999999999999999999", "-1", "0", "1e400", "٣ يوم", "%s %d %n", "'; DROP TABLE cases; --", "<b>粗</b>&amp;", "\\u0000",
    "TD261124-01", "TD261124-01怎么样了", "SQ000000-99解决了", "TD261124-999999999999", "\ufeff\ufeff好", "\u2028\u2029", "1-2-301",
    "\U000e0041\U000e0042", "é" * 300, "\u0300" * 500, "①", "〇", "㈠号楼", "第〇单元", "/\x00", "/home \ud800", "/join \x00\x00", "\u241e",
)  # fmt: skip
NAMES = ("王桂芬", "Li", "", "王\x00", "\ud800", "😀", "很" * 300, "Ng")


def sentence(rng: Random, *, on_duty: bool) -> str:
    """A line that somebody could really write."""
    dice = rng.random()
    if on_duty and dice < 0.55:
        return rng.choice(ON_DUTY)
    if dice < 0.5:
        return rng.choice(PLACES) + rng.choice(MATTERS)
    if dice < 0.88:
        return rng.choice(SAID)
    return rng.choice(COMMANDS) if dice < 0.985 else rng.choice(DANGER)


def spoiled(rng: Random, text: str) -> str:
    """The same line after an accident, or something odd in its place."""
    odd = rng.choice(ODD)
    match rng.randrange(6):
        case 0 | 1:
            return odd
        case 2:
            at = rng.randint(0, len(text))
            return text[:at] + odd[:200] + text[at:]
        case 3:
            return text * rng.choice([2, 50, 700])
        case 4:
            return "".join(rng.sample(text, len(text)))
        case _:
            return f"/{rng.choice(['home', 'join', 'start', 'invite', 'digest', 'desk', 'x'])} {odd}"
