"""报事人要求保密: what of a case only the need-to-know circle sees, and what stands in its place for everybody else.

The circle is who must know to help: the reporter, the grid worker and the branch secretary of the grid, the community's
office (never one of them whom the matter is about: they do not see the case at all). What a case shows to anybody is
written without the reporter's words from the start; the words are kept beside it for the circle. So a list, an export, a
digest, a whistle or a history that nobody thought of can tell nothing that it does not have.
"""

import re
from dataclasses import replace

from workflows.policy.conflict import About
from workflows.policy.places import Address

WITHHELD = "（报事人要求保密，原话只有网格员和社区看得到）"
_ADDED = "（报事人又说了，要求保密，原话只有网格员和社区看得到）"
_BARE = 6  # 没解决, 快点: says nothing of who says it
_WANTED = re.compile(
    r"(别|不要|不能|不想|千万别|可别)(跟|对|和|让|给|把)?[^，。！!？?\n]{0,8}(说|讲|透露|告诉|暴露|泄露|提|知道|公开)[^，。！!？?\n]{0,6}(是)?(我|俺|名字|姓名|身份|谁说的|谁报的|谁举报|谁反映)"
    r"|(替|给|帮)(我|俺)(们)?保(个)?密|(请|要求|希望|务必|必须|一定|能不能|可以)[^，。\n]{0,4}(保密|匿名)|匿名(反映|举报|投诉|登记)|不(想|愿)?(留|露|报)(姓)?名|别提(我|俺)"
)
_NEED_NOT = re.compile(
    r"(不用|不必|不需要|无需|没必要|没有必要|用不着|不要求|不要|甭|取消|解除|(?<![别能以得])(?<!不要)不|别)"
    r"(再|给|替|帮|为|我|俺|你们|您|对|他们|要求|什么|这么|那么)*(了)?(保(个)?密|匿名)(反映|举报|投诉|登记|了|啦|吧)*"
)
_LIFTED = re.compile(
    rf"{_NEED_NOT.pattern}|"
    r"(?<![不别])(可以|能|就|尽管|随便|大胆|让|叫)(他们|你们|物业|对方|人家|跟他|跟他们|告诉|说|公开|透露|提){1,3}(是|就是)?(我|俺)(说|报|反映|举报)?的?(名字|姓名|身份)?(?![们家])|"
    r"(我|俺)?(不怕|无所谓|不在乎)(别人|人家|他们?|物业|对方)?(知道|晓得)(是(我|俺))?(说的|报的|反映的|举报的)?|"
    r"^(我|俺)?(是|要|可以|愿意|就)?实名(举报|反映|投诉|登记|的)?$"
)
_BESIDE_IT = re.compile(
    r"(我|俺)?(是|要|可以|愿意|就)?实名(举报|反映|投诉|登记|的)*|[了吧啊呢的嘛呀，,。.！!、~ ]|谢谢|辛苦"
)
_ASKED_OR_IF = re.compile(r"[?？]\s*$|[吗么]\s*$|的话|如果|要是|万一|会不会|能不能|是不是|不行|不干|不敢|就不")
# About somebody's doings: there even the house would tell who has complained.
_ABOUT_PEOPLE = frozenset(
    {
        "noise", "neighbor_dispute", "public_security", "stray_animals", "illegal_building", "parking", "falling_objects",
        "property_service", "social_aid", "other_request", "flying_wire", "pollution", "fire_safety",
    }
)  # fmt: skip


def wanted(text: str) -> bool:
    """别说是我说的, 不要透露我, 替我保密; not where the same words say that it is no longer needed."""
    return bool(_WANTED.search(text if _ASKED_OR_IF.search(text) else _NEED_NOT.sub("", text)))


def lifted(text: str) -> bool:
    """不用保密了, 可以说是我, 我实名举报: they no longer mind; not a question, and nothing that depends on it."""
    bare = text.strip()
    return bool(_LIFTED.search(bare)) and not wanted(bare) and not _ASKED_OR_IF.search(bare)


def beside_lifting(text: str) -> str:
    """What else a line says that lifts secrecy."""
    return _BESIDE_IT.sub("", _LIFTED.sub("", text.strip()))


def about_people(category: str, about: About) -> bool:
    """Whether the matter is what somebody does, and not a thing that is broken."""
    return category in _ABOUT_PEOPLE or about.property or about.committee or about.grid


def public_place(address: Address, *, of_people: bool) -> Address:
    """The place as anybody may see it: without the door; of somebody's doings only the estate."""
    if of_people:
        return address.of_estate()
    return replace(address, room="")


def public_note(text: str) -> str:
    """What the record says in place of the reporter's words; a bare word stays."""
    return text if len(text) <= _BARE else _ADDED
