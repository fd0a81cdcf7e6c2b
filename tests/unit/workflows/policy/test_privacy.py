"""Phone and ID numbers in every spelling that people use; and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.policy.privacy import mask, mask_id

MOBILE = "13947105678"
MOBILES = (
    "13947105678", "139 4710 5678", "139-4710-5678", "139 47105678", "1394710 5678", "139.4710.5678", "139·4710·5678",
    "139—4710—5678", "139－4710－5678", "139_4710_5678", "139  4710  5678", "13947 105678", "139 471 05678",
    "1 3 9 4 7 1 0 5 6 7 8", "1-3-9-4-7-1-0-5-6-7-8", "139 47 10 56 78", "139，4710，5678", "139,4710,5678",
    "+8613947105678", "+86 139 4710 5678", "86-13947105678", "0086 13947105678", "(+86)13947105678",
    "１３９４７１０５６７８", "１３９－４７１０－５６７８", "139\u200b4710\u200b5678", "139\u00a04710\u00a05678",
    "一三九四七一零五六七八", "幺三九四七幺〇五六七八", "一三九 四七一零 五六七八", "壹叁玖肆柒壹零伍陆柒捌",
    "139四七一零5678", "一三九47105678", "1️⃣3️⃣9️⃣4️⃣7️⃣1️⃣0️⃣5️⃣6️⃣7️⃣8️⃣",
)  # fmt: skip
LANDLINES = (
    "0471-5951234", "04715951234", "0471 5951234", "(0471)5951234", "（0471）5951234", "0471-595-1234",
    "0471-595 1234", "+86 471 5951234", "+86-0471-5951234", "010-62951234", "021 6295 1234", "０４７１－５９５１２３４",
    "零四七一五九五一二三四", "电话5951234", "座机是595-1234", "打62951234就行", "联系方式：6295 1234",
)  # fmt: skip
IDS = (
    "15010219800101123X", "15010219800101123x", "150102198001011234", "150102 19800101 1234", "150102-19800101-123X",
    "150102-1980-0101-1234", "1501 0219 8001 0112 34", "150 102 1980 0101 1234", "１５０１０２１９８００１０１１２３４",
    "15010219800101123Ｘ", "150102800101123", "150102 800101 123", "一五零一零二一九八零零一零一一二三四",
    "1 5 0 1 0 2 1 9 8 0 0 1 0 1 1 2 3 4",
)  # fmt: skip
AROUND = (
    "{}", "我电话{}。", "找我{}，富邦小区3号楼2单元302", "3号楼{}王大爷", "2-302 {}", "{} 2-302", "电话:{}转王", "微信同号{}\n谢谢",
    "302室，{}，5号", "A{}B",
)  # fmt: skip
HARMLESS = (
    "TD261124-01", "【TD261124-01】和【SQ261124-12】", "2026-11-24", "2026年11月24日", "2026-11-24 18:30", "20261124",
    "2026.11.24 08:30 至 2026.12.05 18:00", "二零二六年十一月二十四日", "11月24日到12月5日", "15-2-1201", "15-2-1201-1602",
    "3号楼2单元602", "13、15、16、17、18、19号楼", "13 15 16 17 18 1号楼", "一二三四五六七八九十", "十三号楼到十八号楼",
    "760元/亩/年", "154亩×760元=117040元", "11.7万元", "13,800,138,000元", "1380013.80元", "一千三百八十元", "7374人",
    "119、110、120", "12345", "打12345", "12356", "温度15.5度", "18-22度", "蒙A12345", "2号到20号，5月1日", "第123456789次",
    "打款2000000元", "表号 130012", "0.47平方公里", "下午3点到5点，9-11点", "收费单号20261124", "1391234567", "139123456789",
)  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("written", MOBILES)
def test_a_mobile_number_is_hidden_however_it_is_written(written: str, around: str) -> None:
    told = mask(around.format(written))
    assert "****" in told
    for middle in ("4710", "４７１０", "四七一零", "四七幺〇", "肆柒壹零", "4 7 1 0", "4-7-1-0", "47 10"):
        assert middle not in told
    before, after = around.format("\0").split("\0")
    assert told.startswith(before) and told.endswith(after)


@pytest.mark.parametrize("written", LANDLINES)
def test_a_landline_is_hidden(written: str) -> None:
    told = mask(f"老人家里，{written}，白天在")
    assert "****" in told and told.endswith("，白天在")
    for part in ("595", "629", "５９５", "五九五"):
        assert part not in told


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("written", IDS)
@pytest.mark.parametrize("hide", [mask, mask_id])
def test_an_id_number_is_hidden_from_everybody(hide: object, written: str, around: str) -> None:
    told = (mask if hide is mask else mask_id)(around.format(written))
    assert "********" in told
    for birthday in (
        "19800101",
        "１９８００１０１",
        "1980 0101",
        "1980-0101",
        "一九八零零一零一",
        "1 9 8 0",
        "800101",
        "8001",
    ):
        assert birthday not in told


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("hide", [mask, mask_id])
def test_what_is_no_such_number_stays_whole(hide: object, text: str) -> None:
    assert (mask if hide is mask else mask_id)(f"请看{text}，谢谢") == f"请看{text}，谢谢"


def test_several_numbers_in_one_text() -> None:
    assert mask("13800138000或13900139000，座机0471-5951234") == "138****8000或139****9000，座机0471-****1234"
    assert mask("1380013800013900139000") == "138****8000139****9000"
    assert mask("三单元二13800138000") == "三单元二138****8000"
    assert mask("302一三八零零一三八零零零") == "302一三八****八零零零"


def test_who_goes_to_the_door_reads_the_phone_number_but_not_the_other() -> None:
    assert mask_id(f"电话{MOBILE}，证15010219800101123X") == f"电话{MOBILE}，证150102********123X"


@given(st.text(alphabet="0123456789-. 一三八零X元楼１", max_size=60))
def test_hiding_twice_changes_nothing_more_and_never_fails(text: str) -> None:
    once = mask(text)
    assert mask(mask(once)) == mask(once)


def test_a_very_long_text_is_no_trap() -> None:
    for piece in ("1 ", "13-", "1380013800", "0471 ", "一三八", "电话"):
        assert len(mask(piece * 4000)) > 0
