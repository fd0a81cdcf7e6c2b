"""并案, 拆分, 挂账, 请部门协助, 答复链接: the chat's rarer acts as two-step forms."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from bot.console.steps import Begun, Done
from bot.console.unclear import Unclear
from bot.console.visit import Console, Visit
from bot.conversation import cards, words
from workflows.case_file import CaseNotFound
from workflows.console.case_page import CasePage, case_page
from workflows.handling import Missing
from workflows.policy.lifecycle import CLOSED
from workflows.policy.permissions import Relation
from workflows.policy.places import Address

_WAKES_AT = time(8)  # on the day to which it was laid aside, as in the chat
_WORDS = 2000


class Merge:
    """并案: two cases that are one matter."""

    act, title, template = "merge", "并案", "step_merge.html"
    fields: Mapping[str, int] = {"number": 40}

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """Nothing to choose from."""
        return {}

    async def check(self, begun: Begun) -> Sequence[int]:
        """The other case, as the viewer may see it."""
        view, visit = begun.page.view, begun.visit
        number, _ = words.case_number(begun.typed["number"])
        if not number:
            raise Unclear("没看出编号。请写另一件的编号，比如：TD261124-01。")
        if number == view.number:
            raise Missing("need.other_case")
        code = visit.office.directory.community(view.community_id).code
        if not number.startswith(code) or not number[len(code) : len(code) + 1].isdigit():
            raise Unclear(f"{number}是别的社区的编号（本社区的以{code}开头），只能和本社区的并案。")
        try:
            other = await visit.office.merging.by_number(visit.viewer.person_id, number)
            found = await case_page(visit.office, visit.viewer, other)
        except CaseNotFound:
            raise Unclear(f"没有编号是{number}的诉求，请再核对一下。") from None
        if found.view.status in CLOSED:
            raise Unclear(f"{number}现在是“{cards.STATE[found.view.status]}”，已经了结的不能再并。")
        kept, gone = sorted((begun.page, found), key=lambda page: page.view.id)
        begun.found = {"kept": kept, "gone": gone, "other": other}
        return [other]

    async def do(self, begun: Begun) -> Done:
        """The older one stays."""
        merging = begun.visit.office.merging
        view, _ = await merging.merge(begun.visit.viewer.person_id, begun.case_id, begun.found["other"])
        return Done(f"/console/case/{view.id}", "merged")


class Split:
    """拆分: a second matter gets a case of its own."""

    act, title, template = "split", "拆分", "step_split.html"
    fields: Mapping[str, int] = {"note": _WORDS, "category": 40, "place": 200}

    def __init__(self, console: Console) -> None:
        self._categories = console.settings.categories

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """The categories are on every page."""
        return {}

    async def check(self, begun: Begun) -> Sequence[int]:
        """What the second matter is, and where."""
        if not begun.typed["note"]:
            raise Missing("prompt.split")
        if begun.typed["category"] not in self._categories:
            raise Unclear("请选一个类别：拆出来的是哪一类？")
        begun.found = {"where": await self._where(begun)}
        return []

    async def _where(self, begun: Begun) -> Address | None:
        """Another place, where one is written."""
        written, office, view = begun.typed["place"], begun.visit.office, begun.page.view
        if not written:
            return None
        found = office.directory.locate(written, prefer_community=view.community_id)
        if not found.sentence():
            raise Unclear("名册里没有这个地方。请写小区和楼号，比如：富邦小区3号楼2单元；和原来一样就空着。")
        where = office.directory.refine(await office.cases.address(begun.visit.viewer.person_id, view.id), found)
        if not where.routable or where.community_id not in (None, view.community_id):
            raise Unclear("这个地方不在本社区，拆不过去。请写本社区里的地方，和原来一样就空着。")
        return where

    async def do(self, begun: Begun) -> Done:
        """Everybody who waits for the first waits for both."""
        note, category = begun.typed["note"], begun.typed["category"]
        me, where = begun.visit.viewer.person_id, begun.found["where"]
        view = await begun.visit.office.merging.split(me, begun.case_id, note, category, where)
        return Done(f"/console/case/{view.id}", "split")


class Suspend:
    """挂账: laid aside to a day, with a reason and the secretary's approval."""

    act, title, template = "suspend", "挂账", "step_suspend.html"
    fields: Mapping[str, int] = {"note": _WORDS, "until": 20}

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """Whether it takes the secretary, and the first day that may be named."""
        tomorrow = date.fromordinal(visit.office.now.astimezone(visit.office.rules.zone).date().toordinal() + 1)
        return {"decides": Relation.SECRETARY in page.relations, "tomorrow": tomorrow}

    async def check(self, begun: Begun) -> Sequence[int]:
        """A reason, and a day to come."""
        office = begun.visit.office
        if not begun.typed["note"]:
            raise Missing("need.reason")
        day = day_of(begun.typed["until"], "挂到哪一天")
        until = datetime.combine(day, _WAKES_AT, office.rules.zone)
        if until <= office.now:
            raise Unclear(f"{cards.date_words(day)}已经过了，请选明天或者以后的日子。")
        begun.found = {"until": until}
        return []

    async def do(self, begun: Begun) -> Done:
        """Asked for; where the secretary asks, granted with it."""
        me, until = begun.visit.viewer.person_id, begun.found["until"]
        view = await begun.visit.office.suspending.ask(me, begun.case_id, begun.typed["note"], until)
        asked = view.facts.suspension is not None and view.facts.suspension.asked
        return Done(f"/console/case/{begun.case_id}", "asked" if asked else "suspended")


class CallAssistant:
    """请部门协助: another department beside the one that leads."""

    act, title, template = "assist", "请部门协助", "step_assist.html"
    fields: Mapping[str, int] = {"department": 12, "note": _WORDS}

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """The departments that are not called yet, those of the category first."""
        view, directory = page.view, visit.office.directory
        called = {view.holder_unit_id, *(one.unit_id for one in view.facts.assistants)}
        answering = {unit.id for unit in directory.departments_for(view.community_id, view.category)}
        units = [unit for unit in directory.units_of(view.community_id, "department") if unit.id not in called]
        return {"departments": sorted(units, key=lambda unit: (unit.id not in answering, unit.name))}

    async def check(self, begun: Begun) -> Sequence[int]:
        """A department of this community."""
        number = begun.visit.number(begun.typed["department"])
        units = begun.visit.office.directory.units_of(begun.page.view.community_id, "department")
        unit = next((unit for unit in units if unit.id == number), None)
        if unit is None:
            raise Missing("need.assistant")
        if unit.id in {begun.page.view.holder_unit_id, *(one.unit_id for one in begun.page.view.facts.assistants)}:
            raise Missing("need.other_department")
        begun.found = {"unit": unit}
        return []

    async def do(self, begun: Begun) -> Done:
        """They get the case; the one that leads goes on leading."""
        me, unit = begun.visit.viewer.person_id, begun.found["unit"]
        await begun.visit.office.handling.call_assistant(me, begun.case_id, unit.id, begun.typed["note"])
        return Done(f"/console/case/{begun.case_id}")


class MakeLinks:
    """生成答复链接: for departments that have nobody here. Shown once, on the answer to the form itself."""

    act, title, template = "link", "生成答复链接", "step_link.html"
    fields: Mapping[str, int] = {}

    def __init__(self, console: Console) -> None:
        self._console = console

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """Nothing to choose from."""
        return {}

    async def check(self, begun: Begun) -> Sequence[int]:
        """Nothing was typed."""
        return []

    async def do(self, begun: Begun) -> Done:
        """One for each department that has still to answer."""
        links = await begun.visit.office.answer_links.issue(begun.visit.viewer.person_id, begun.case_id)
        public = self._console.settings.server.public_url
        made = [(link, f"{public}/answer/{self._console.answer_token(link.id, link.secret)}") for link in links]
        return Done("", shown={"links": made, "sure": False})


def day_of(written: str, what: str) -> date:
    """A day as the browser sends it, or as somebody types it.

    Raises:
        Unclear: it is none; `what` says which day was meant.
    """
    try:
        return date.fromisoformat(written.replace("/", "-").replace(".", "-"))
    except ValueError:
        shown = f"“{written[:20]}”看不懂，" if written else ""
        raise Unclear(f"{what}？{shown}请选一天，或者写成 2026-12-20。") from None


def all_of(console: Console) -> tuple[Merge, Split, Suspend, CallAssistant, MakeLinks]:
    """Every act of this module."""
    return Merge(), Split(console), Suspend(), CallAssistant(), MakeLinks(console)
