"""Which pipe has burst, and when it only might."""

import pytest

from nlu.bursts import burst


@pytest.mark.parametrize(
    ("text", "pipe"),
    [
        ("暖气管爆了", "heat"),
        ("暖气片爆了往外喷热水", "heat"),
        ("供热管道爆了，马路上热水喷了两米高", "heat"),
        ("水管冻裂了", "water"),
        ("3号楼2单元五楼水管冻裂了", "water"),
        ("水龙头崩了，水哗哗的", "water"),
        ("暖气不热", ""),
        ("暖气片漏水", ""),
        ("去年水管冻裂过，今年怕再爆", ""),
        ("水管会不会冻裂", ""),
        ("水管爆了已经修好了", ""),
        ("暖气片换过了，好得很", ""),
    ],
)
def test_a_burst_is_heard(text: str, pipe: str) -> None:
    assert burst(text) == pipe
