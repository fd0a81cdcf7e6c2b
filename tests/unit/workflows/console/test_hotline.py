"""How months and numbers of calls are read: as offices write them, and nothing that they do not mean."""

import pytest

from workflows.console.hotline import ImportRefused, read_calls, read_file, read_month


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-10", "2026-10"), ("2026/10", "2026-10"), ("2026.9", "2026-09"), ("2026年10月", "2026-10"),
        (" 2026年 9月 ", "2026-09"), ("202610", "2026-10"), ("20261005", "2026-10"), ("2026-10-05", "2026-10"),
        ("2026年10月5日", "2026-10"), ("2026-10-05 00:00:00", "2026-10"),
        ("2026-13", None), ("2026-00", None), ("2026", None), ("10月", None), ("去年10月", None), ("1926-10", None),
        ("2026-10和11", None), ("", None),
    ],
)  # fmt: skip
def test_months(text: str, month: str | None) -> None:
    assert read_month(text) == month


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("37", 37), (" 37件 ", 37), ("1,204", 1204), ("37.0", 37), ("１，２０４", 1204), ("0", 0),
        ("-1", None), ("3.5", None), ("三十七", None), ("37万", None), ("99999999", None), ("", None), ("٣", None),
    ],
)  # fmt: skip
def test_calls(text: str, calls: int | None) -> None:
    assert read_calls(text) == calls


def test_every_wrong_line_is_named() -> None:
    content = "月份,来电数\n2026-08,1\n八月,2\n2026-09,两件\n2099-01,5\n".encode()
    with pytest.raises(ImportRefused) as refused:
        read_file("a.csv", content, "2026-11")
    assert [error.split("：")[0] for error in refused.value.errors] == ["第3行", "第4行", "第5行"]
