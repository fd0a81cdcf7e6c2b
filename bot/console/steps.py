"""What takes two steps on a case: say what, read once more what will come of it, and then do it. No script, nothing lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console import meanwhile
from bot.console.meanwhile import Overtaken
from bot.console.unclear import Unclear
from bot.console.visit import Console, Visit
from bot.conversation import cards
from bot.conversation.phrases import say
from workflows.case_file import CaseNotFound
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.case_page import CasePage, case_page, staff_relations
from workflows.console.meanwhile import seen_now
from workflows.handling import Missing
from workflows.policy.lifecycle import NotPossible
from workflows.policy.permissions import NotAllowed

Typed = Mapping[str, str]


@dataclass
class Begun:
    """A form that was sent: the case, what was typed, and what a step has made of it."""

    visit: Visit
    page: CasePage
    typed: Typed
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def case_id(self) -> int:
        """The case at hand."""
        return self.page.view.id


@dataclass(frozen=True)
class Done:
    """Where to go afterwards; or what to show, where that is shown only once."""

    path: str
    said: str = "done"
    shown: Mapping[str, Any] | None = None


class Step(Protocol):
    """One such act. Its use case checks again who does it; `check` says early what cannot be."""

    act: str
    title: str
    template: str
    fields: Mapping[str, int]  # name: how many characters are kept

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """What the form offers."""

    async def check(self, begun: Begun) -> Sequence[int]:
        """Read what was typed into `begun.found`; returns which other cases are concerned.

        Raises:
            Unclear, Missing: it cannot be followed; nothing was changed.
        """

    async def do(self, begun: Begun) -> Done:
        """The use case."""


class Steps:
    """The pages of all of them: /case/7/next/merge."""

    def __init__(self, console: Console, steps: Sequence[Step]) -> None:
        self._console = console
        self._steps = {step.act: step for step in steps}

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/case/{case_id}/next/{act}", self.form, methods=["GET"])
        router.add_api_route("/case/{case_id}/next/{act}", self.sent, methods=["POST"])

    def _step(self, act: str) -> Step:
        if act not in self._steps:
            raise CaseNotFound(act)
        return self._steps[act]

    async def form(self, request: Request, case_id: int, act: str) -> Response:
        """The first step: an empty form, or why there is none."""
        step = self._step(act)
        async with self._console.looking(request) as visit:
            return await self._shown(visit, case_id, step, {})

    async def _shown(
        self, visit: Visit, case_id: int, step: Step, typed: Typed, *, wrong: str = "", status: int = 200
    ) -> Response:
        """The form with what was typed; where the act is no longer possible, what was typed alone."""
        page = await case_page(visit.office, visit.viewer, case_id)
        try:
            await visit.office.file.authorise_act(visit.viewer.person_id, case_id, step.act)
        except NotPossible as error:
            status, wrong = status if wrong else 422, wrong or _not_possible(page, error)
            able = False
        except NotAllowed:
            status, wrong, able = 403, say("not_allowed"), False
        else:
            able = True
        return self._console.page(
            step.template if able else "step.html",
            visit,
            status=status,
            wrong=wrong,
            page=page,
            step=step,
            typed={name: typed.get(name, "") for name in step.fields},
            sure=False,
            able=able,
            seen=meanwhile.written(await seen_now(visit.office, case_id)),
            **(await step.choices(visit, page) if able else {}),
        )

    async def sent(self, request: Request, case_id: int, act: str) -> Response:
        """The second step, and the deed itself when its button was the one that was pressed."""
        step, console = self._step(act), self._console
        try:
            async with console.changing(request) as visit:
                await staff_relations(visit.office, visit.viewer, await visit.office.file.case(case_id, lock=False))
                typed = {name: visit.posted(name, most) for name, most in step.fields.items()}
                if visit.posted("back"):
                    return await self._shown(visit, case_id, step, typed)
                return await self._followed(visit, case_id, step, typed)
        except (Missing, Unclear, Overtaken, NotPossible, NotAllowed) as error:
            return await self._again(request, case_id, step, error)

    async def _followed(self, visit: Visit, case_id: int, step: Step, typed: Typed) -> Response:
        office, me = visit.office, visit.viewer.person_id
        await office.file.authorise_act(me, case_id, step.act)
        before = Begun(visit, await case_page(office, visit.viewer, case_id), typed)
        others = await step.check(before)
        for one in sorted({case_id, *others}):  # always in this order: two who merge the same pair wait for each other
            await office.file.case(one)
        if came := await meanwhile.told(visit):
            raise Overtaken(came)
        await office.file.authorise_act(me, case_id, step.act)
        begun = Begun(visit, await case_page(office, visit.viewer, case_id), typed)
        await step.check(begun)
        if visit.posted("sure") != "1":
            return self._console.page(
                step.template,
                visit,
                page=begun.page,
                step=step,
                typed=typed,
                sure=True,
                able=True,
                found=begun.found,
                seen=meanwhile.written(await seen_now(office, case_id, *others)),
                **await step.choices(visit, begun.page),
            )
        done = await step.do(begun)
        audit.note(office, visit.viewer, Deed.ACT, step.act, case_id=case_id)
        if done.shown is not None:
            return self._console.page(step.template, visit, page=begun.page, step=step, able=True, **done.shown)
        return self._console.back_to(done.path, done.said)

    async def _again(self, request: Request, case_id: int, step: Step, error: Exception) -> Response:
        """The form once more, with every word still in it and a sentence about what is wrong."""
        form = await request.form(max_files=4, max_fields=30)
        typed = {name: str(form.get(name, ""))[:most] for name, most in step.fields.items()}
        async with self._console.looking(request) as visit:
            visit.form = form
            page = await case_page(visit.office, visit.viewer, case_id)
            came = await meanwhile.told(visit)
            wrong, status = _sentence(error, page, came), 403 if isinstance(error, NotAllowed) else 422
            return await self._shown(visit, case_id, step, typed, wrong=wrong, status=status)


def _sentence(error: Exception, page: CasePage, came: str) -> str:
    match error:
        case Overtaken():
            return f"您打开这一页以后，{error}。没有办，您写的还在下面，请看过再决定。"
        case Missing():
            said = say(error.phrase)
        case NotPossible():
            said = _not_possible(page, error)
        case NotAllowed():
            said = say("not_allowed")
        case _:
            said = str(error)
    return f"{said}您打开这一页以后，{came}。" if came else said


def _not_possible(page: CasePage, error: NotPossible) -> str:
    return f"没有办成：{page.view.number}现在是“{cards.STATE[error.status]}”。"
