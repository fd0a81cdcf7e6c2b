"""Who asks for secrecy, and what of a place is left then."""

import pytest

from workflows.policy import confidence
from workflows.policy.conflict import About
from workflows.policy.places import Address


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("别说是我说的", True),
        ("不要透露我", True),
        ("千万别告诉他是我反映的", True),
        ("别让物业知道是我举报的", True),
        ("替我保密", True),
        ("请保密", True),
        ("匿名举报", True),
        ("不想留名", True),
        ("别提我", True),
        ("楼道灯不亮", False),
        ("他不告诉我什么时候来修", False),
        ("别跟我说没钱", False),
        ("物业不让我们知道账目", False),
        ("没人告诉我们停水", False),
    ],
)
def test_a_wish_for_secrecy_is_heard(text: str, *, wanted: bool) -> None:
    assert confidence.wanted(text) is wanted


def test_of_somebodys_doings_only_the_estate_is_left_and_of_a_thing_all_but_the_door() -> None:
    home = Address(estate_id=1, estate="富邦小区", building="3", unit="2", room="302", place="楼下", grid_id=4)
    assert confidence.public_place(home, of_people=True).sentence() == "富邦小区"
    assert confidence.public_place(home, of_people=False).sentence() == "富邦小区3号楼2单元，楼下"
    assert confidence.about_people("noise", About()) and confidence.about_people("heating", About(property=True))
    assert not confidence.about_people("street_light", About())
