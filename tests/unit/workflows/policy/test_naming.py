"""For whom somebody reports: their name, and the shorter ways to say it, stay out of what others read."""

import pytest

from workflows.policy.naming import both, without_names


@pytest.mark.parametrize(
    ("name", "said", "read"),
    [
        ("王奶奶", "帮王奶奶反映，王奶奶家灯不亮", "帮一位邻居反映，一位邻居家灯不亮"),
        ("对门王奶奶", "王奶奶说还是不亮", "一位邻居说还是不亮"),
        ("王桂芳奶奶", "王桂芳说还是不亮，桂芳人在家", "一位邻居说还是不亮，桂芳人在家"),
        ("隔壁奶奶", "隔壁楼也不亮，奶奶在家", "隔壁楼也不亮，奶奶在家"),  # what everybody says names nobody
        ("我妈", "我妈一个人在家", "一位邻居一个人在家"),
        ("王奶奶、李大爷", "王奶奶和李大爷家都漏", "一位邻居和一位邻居家都漏"),
        ("邻居", "又有一位邻居反映", "又有一位邻居反映"),
        ("", "没有提到谁", "没有提到谁"),
    ],
)
def test_the_name_is_left_out_however_it_is_said(name: str, said: str, read: str) -> None:
    assert without_names(said, [name]) == read
    assert without_names(read, [name]) == read  # twice is once


def test_two_for_whom_one_person_reports_are_both_kept() -> None:
    assert both("王奶奶", "李大爷") == "王奶奶、李大爷"
    assert both("王奶奶", "王奶奶") == "王奶奶"
    assert both("", "李大爷") == "李大爷"
    assert both("王奶奶", "") == "王奶奶"
