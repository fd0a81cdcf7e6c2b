"""Conflict of interest: whom a complaint is about must not be the one who handles it."""

import re
from dataclasses import dataclass

_COMMITTEE = re.compile(r"业委会|物管会|业主委员会|业主会")
_PROPERTY = re.compile(r"物业|保安|管家")
# Who patrols and who leads the grid's branch; a building head is no holder of cases, but stands beside them.
_GRID = re.compile(r"网格(员|长|书记|支书)|(党)?支部书记|支书")
_CONDUCT = re.compile(
    r"态度|爱答不理|敷衍|推诿|推来推去|不作为|吃拿|偏心|偏袒|骂|凶|吼|耍赖|撒谎|说谎|骗人|失职|不负责|不称职|摆架子|糊弄|"
    r"(从来|根本|老|总|都|一直)(就)?(不|没)(来|管|接|回|露面|巡|干活|办事|理人)|不接(我)?(的)?电话|躲着|不干(事|活|实事)|光(说|会说)|换(个|一个|掉)"
)
_ABOUT_PEOPLE = frozenset({"", "property_service", "other_request", "neighbor_dispute"})  # elsewhere it is an aside
_COMPLAINT = re.compile(r"投诉|举报|告他|查查|查一下账|贪|吃回扣|徇私|包庇|不作为|账目|公示")


@dataclass(frozen=True)
class About:
    """Whom a complaint is about."""

    property: bool = False
    committee: bool = False
    grid: bool = False  # the grid worker or the branch secretary


def about(category: str, text: str) -> About:
    """Read from kind and words whose own conduct the matter is: the property company's, the committee's, the grid's.

    "物业不管" as an aside makes no complaint about the property (code book 13): there only the category decides.
    """
    committee, company = bool(_COMMITTEE.search(text)), bool(_PROPERTY.search(text))
    complaint = bool(_COMPLAINT.search(text))
    conduct = complaint or (category in _ABOUT_PEOPLE and bool(_CONDUCT.search(text)))
    grid = bool(_GRID.search(text)) and conduct
    if category == "property_service":
        return About(property=company or not (committee or grid), committee=committee, grid=grid)
    return About(committee=committee and complaint, grid=grid)
