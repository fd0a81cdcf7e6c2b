"""aiogram's routers: read the update, call one function, answer. The order is the order of importance."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import Dispatcher, F, Router
from aiogram.filters import BaseFilter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.strategy import FSMStrategy
from aiogram.types import (
    CallbackQuery,
    Chat,
    ErrorEvent,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    TelegramObject,
)

from bot.conversation import beside_danger, cards, commands, elder, resident, safety, staff
from bot.conversation.buttons import (
    Also,
    Assist,
    Behalf,
    CaseDo,
    DigestEvery,
    DigestMore,
    EndRule,
    Kind,
    KindMenu,
    MakeRule,
    Others,
    Round,
    Same,
    TakeAlert,
    ToDepartment,
    Upkeep,
    Where,
    Which,
    what_button,
)
from bot.conversation.danger_told import as_what_they_fell_over
from bot.conversation.digest_words import frequency_asked
from bot.conversation.limits import not_too_fast
from bot.conversation.phrases import say, worded
from bot.conversation.talk import Talk, keep
from bot.matters import loudest
from bot.turn import TurnStorage
from nlu.safety import Danger, tells_of_a_fall
from workflows.alerts import AlertNotFound
from workflows.case_file import CaseNotFound
from workflows.handling import Missing
from workflows.policy.frequency import Frequency
from workflows.policy.lifecycle import CLOSED, NotPossible
from workflows.policy.permissions import NotAllowed, OwnWork
from workflows.refusals import Why
from workflows.rulings import RulingNotFound

log = structlog.get_logger()

DONE = "-"  # what a button carries that has been chosen already


class InDanger(BaseFilter):
    """A message that speaks of danger now, by the plain-code net or by the reader."""

    async def __call__(self, message: TelegramObject, talk: Talk) -> bool | dict[str, Danger | None]:
        """Whether to answer with a number first; hands the handler what kind it is."""
        assert isinstance(message, Message)
        text = message.text or message.caption or ""
        heard = talk.settings.nlu.ear.hear(text, talk.alone)
        if not heard.now:  # in the middle of other matters it may be told in one clause
            clause = loudest(talk.passages, talk.settings.nlu.ear)
            if clause is not None and not _only_a_fall(clause.danger, text):
                heard = clause
        talk.caution = heard.perhaps and not talk.speaker.staff  # they know the numbers, and speak of their work
        if not heard.now and talk.alone is not None:
            talk.alone = as_what_they_fell_over(talk.alone, text)
        return {"danger": heard.danger} if heard.now else False


def _only_a_fall(danger: Danger | None, text: str) -> bool:
    """Whether the clause alone sounds like somebody on the ground, where the message tells what is to be mended."""
    return danger is not None and danger.kind == "medical" and tells_of_a_fall(text)


class AsksHowOften(BaseFilter):
    """Words about how often the digest comes. Without its name only where nothing else was asked or begun."""

    async def __call__(self, message: TelegramObject, talk: Talk) -> bool | dict[str, Frequency]:
        """Hands the handler how often."""
        assert isinstance(message, Message)
        d = talk.dialogue
        free = not (d.asked or d.pending or d.which or d.draft is not None or talk.in_recent())
        how = frequency_asked(message.text or "", bare=free)
        return {"how": how} if how is not None else False


class OnDuty(BaseFilter):
    """Somebody who holds a post."""

    async def __call__(self, event: TelegramObject, talk: Talk) -> bool:
        """Whether they do."""
        return talk.speaker.staff


def build(storage: TurnStorage) -> Dispatcher:
    """The conversation engine of every channel."""
    # The notes are the chat's: an update that names no sender is answered like any other.
    dispatcher = Dispatcher(storage=storage, fsm_strategy=FSMStrategy.CHAT)
    dispatcher.include_routers(
        _danger(), _commands(), _duty_taps(), _digest_taps(), _own_taps(), _taps(), _staff(), _residents()
    )
    for observer in (dispatcher.message, dispatcher.edited_message, dispatcher.callback_query):
        observer.outer_middleware(_in_this_chat)
        observer.outer_middleware(not_too_fast)
    dispatcher.errors.register(_refused)
    return dispatcher


async def _in_this_chat(
    handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
) -> Any:
    """Answers go to the chat that the event came from."""
    talk: Talk = data["talk"]
    message = event.message if isinstance(event, CallbackQuery) else event
    if isinstance(
        message, InaccessibleMessage
    ):  # a button of long ago: the messenger no longer shows what it was under
        message = Message(message_id=0, date=talk.now, chat=Chat(id=message.chat.id, type="private")).as_(message.bot)
    talk.message = message if isinstance(message, Message) else None
    with worded(short=talk.speaker.elder == "on"):
        return await handler(event, data)


def _danger() -> Router:
    router = Router(name="safety")

    @router.message(F.text | F.caption, InDanger())
    async def danger_now(message: Message, talk: Talk, state: FSMContext, danger: Danger | None) -> None:
        text = message.text or message.caption or ""
        if await safety.answer(talk, danger, text):
            await beside_danger.also(talk, text, danger.kind if danger is not None else "")
        await keep(state, talk.dialogue)

    return router


def _commands() -> Router:
    router = Router(name="commands")

    @router.message(F.text, elder.Wishes())
    async def wishes(message: Message, talk: Talk, state: FSMContext, wished: elder.Wish) -> None:
        await elder.switch(talk, wished)
        await keep(state, talk.dialogue)

    @router.message(F.text.strip() == "工作台", OnDuty())
    async def console(message: Message, talk: Talk, state: FSMContext) -> None:
        await commands.console(talk)
        await keep(state, talk.dialogue)

    @router.message(F.text, AsksHowOften())
    async def how_often(message: Message, talk: Talk, state: FSMContext, how: Frequency) -> None:
        await commands.digest_often(talk, how.value)
        await keep(state, talk.dialogue)

    @router.message(F.text.startswith("/"))
    async def command(message: Message, talk: Talk, state: FSMContext) -> None:
        await commands.run(talk, message.text or "")
        await keep(state, talk.dialogue)

    return router


def _staff() -> Router:
    router = Router(name="staff")

    @router.message(OnDuty(), F.text | F.photo | F.caption | F.voice | F.audio)
    async def colleague(message: Message, talk: Talk, state: FSMContext) -> None:
        text = message.text or message.caption or ""
        if talk.voice and not text and talk.dialogue.pending:
            await talk.say("voice.please_type")  # what is asked for goes into the history: it must be legible
        elif not (
            await safety.reports_back(talk, text)
            or await safety.answers_alarm(talk, text)
            or await safety.goes_on(talk, text)
            or await staff.hear(talk, text)
        ):
            await resident.hear(talk, text)
        await keep(state, talk.dialogue)

    return router


def _residents() -> Router:
    router = Router(name="residents")

    @router.message(F.location)
    async def located(message: Message, talk: Talk, state: FSMContext) -> None:
        assert message.location is not None
        await resident.located(talk, message.location.latitude, message.location.longitude)
        await keep(state, talk.dialogue)

    @router.message(F.text | F.photo | F.caption | F.document | F.voice | F.audio)
    async def message_(message: Message, talk: Talk, state: FSMContext) -> None:
        text = message.text or message.caption or ""
        if message.document is not None and not talk.photo and not talk.photo_refused:
            talk.photo_refused = "photo.not_a_photo"
        if not await safety.goes_on(talk, text):
            await resident.hear(talk, text)
        await keep(state, talk.dialogue)

    @router.message()
    async def other(message: Message, talk: Talk, state: FSMContext) -> None:
        talk.act("unsupported")
        await talk.say("unsupported" if message.text is None else "empty", asks="problem")
        await keep(state, talk.dialogue)

    @router.edited_message()
    async def edited(_: Message, talk: Talk, state: FSMContext) -> None:
        talk.act("edited")
        await talk.say("edited")
        await keep(state, talk.dialogue)

    return router


def _duty_taps() -> Router:
    router = Router(name="duty taps")

    @router.callback_query(ToDepartment.filter(), OnDuty())
    async def to_department(query: CallbackQuery, callback_data: ToDepartment, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.whistling.chosen(talk, callback_data.case, callback_data.unit)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Assist.filter(), OnDuty())
    async def assist(query: CallbackQuery, callback_data: Assist, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.whistling.call_assistant(talk, callback_data.case, unit_id=callback_data.unit)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(MakeRule.filter(), OnDuty())
    async def make_rule(query: CallbackQuery, callback_data: MakeRule, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.whistling.make_rule(talk, callback_data.ruling, callback_data.scope)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(EndRule.filter(), OnDuty())
    async def end_rule(query: CallbackQuery, callback_data: EndRule, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.whistling.end_rule(talk, callback_data.rule)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Upkeep.filter(), OnDuty())
    async def upkeep(query: CallbackQuery, callback_data: Upkeep, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.rounds.tapped(talk, callback_data.act, callback_data.row)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Round.filter(), OnDuty())
    async def round_(query: CallbackQuery, callback_data: Round, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await staff.patrol.tapped(talk, callback_data.found)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(TakeAlert.filter(), OnDuty())
    async def take(query: CallbackQuery, callback_data: TakeAlert, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await safety.take(talk, callback_data.alert, callback_data.act)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    return router


def _digest_taps() -> Router:
    router = Router(name="digest taps")

    @router.callback_query(DigestMore.filter())
    async def more(query: CallbackQuery, callback_data: DigestMore, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await commands.digest_more(talk, callback_data.audience, callback_data.week)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(DigestEvery.filter())
    async def every(query: CallbackQuery, callback_data: DigestEvery, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await commands.digest_often(talk, callback_data.how)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    return router


def _own_taps() -> Router:
    router = Router(name="taps about the speaker")

    @router.callback_query(Others.filter())
    async def others(query: CallbackQuery, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await elder.others(talk)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Behalf.filter())
    async def behalf(query: CallbackQuery, callback_data: Behalf, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.behalf.tapped(talk, callback_data.how, callback_data.case)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Also.filter())
    async def also(query: CallbackQuery, callback_data: Also, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.matters.answered(talk, wanted=callback_data.how == "yes")
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    return router


def _taps() -> Router:
    router = Router(name="taps")

    @router.callback_query(CaseDo.filter())
    async def case_do(query: CallbackQuery, callback_data: CaseDo, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await _case_do(talk, callback_data)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Kind.filter())
    async def kind(query: CallbackQuery, callback_data: Kind, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.choose_kind(talk, callback_data.category, callback_data.case)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(KindMenu.filter())
    async def kind_menu(query: CallbackQuery, callback_data: KindMenu, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.menu(talk, callback_data.page, callback_data.case)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Where.filter())
    async def where(query: CallbackQuery, callback_data: Where, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.choose_place(talk, callback_data.how, callback_data.estate)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Same.filter())
    async def same(query: CallbackQuery, callback_data: Same, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        await resident.same(talk, callback_data.case)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(Which.filter())
    async def which(query: CallbackQuery, callback_data: Which, talk: Talk, state: FSMContext) -> None:
        await query.answer()
        note, talk.dialogue.which, talk.dialogue.which_note = talk.dialogue.which_note, "", ""
        await _case_do(talk, CaseDo(act=callback_data.act, case=callback_data.case), note)
        await _mark(query, talk)
        await keep(state, talk.dialogue)

    @router.callback_query(F.data == DONE)
    async def chosen(query: CallbackQuery, talk: Talk, state: FSMContext) -> None:
        talk.act("stale")
        await query.answer(say("chosen"))
        await keep(state, talk.dialogue)

    @router.callback_query()
    async def unknown(query: CallbackQuery, talk: Talk, state: FSMContext) -> None:
        talk.act("stale")
        await _forged(talk, query.data or "")
        await query.answer()
        await talk.say("stale", why="请直接打字告诉我")
        await keep(state, talk.dialogue)

    return router


async def _forged(talk: Talk, data: str) -> None:
    """A payload that no router took: none of ours, broken, or for people on duty only."""
    button, ours = what_button(data)
    why = Why.NOT_ON_DUTY if button is not None else Why.MALFORMED if ours else Why.UNKNOWN_BUTTON
    await talk.refuse(why, data, getattr(button, "case", None) or None)


_LOOKS = ("history", "text", "progress", "card", "fix_kind", "fix_place", "more", "link")  # these leave the choice open


async def _mark(query: CallbackQuery, talk: Talk) -> None:
    """The chosen button stays as a tick, the others go; only once it is done: a refusal or a question leaves them."""
    message = query.message
    if not isinstance(message, Message) or message.reply_markup is None:
        return
    rows = message.reply_markup.inline_keyboard
    data = query.data or ""
    label = next((button.text for row in rows for button in row if button.callback_data == data), "")
    looks = data.startswith(("g:", "m:", "q:", "x:")) or (data.startswith("c:") and data.split(":")[1] in _LOOKS)
    if label and not looks and not staff.prompted(talk):
        done = InlineKeyboardButton(text=f"✓ {label}", callback_data=DONE)
        await message.edit_reply_markup(reply_markup=InlineKeyboardMarkup(inline_keyboard=[[done]]))
    elif label:
        await message.edit_reply_markup(reply_markup=message.reply_markup)


_RESIDENT_ACTS = frozenset(
    {"solved", "partly", "not", "again", "urge", "withdraw", "restore", "progress", "confidential", "go_on"}
)


async def _case_do(talk: Talk, data: CaseDo, note: str = "") -> None:
    match data.act:
        case "fix_kind":
            await talk.office.cases.look(talk.speaker.person_id, data.case)
            await resident.menu(talk, 0, data.case)
        case "fix_place":
            await talk.office.cases.look(talk.speaker.person_id, data.case)
            talk.dialogue.pending, talk.dialogue.pending_case = "fix_place", data.case
            await talk.say("ask.new_place", asks="location")
        case "heard":
            view = await talk.office.handling.heard(talk.speaker.person_id, data.case)
            talk.act("heard")
            await talk.say("voice.heard", resident.menu_rows(talk, 0, data.case), number=view.number)
        case "history":
            view, lines = await talk.office.history(talk.speaker.person_id, data.case)
            await talk.answer(cards.history(view, lines, talk.now, talk.zone, reader=talk.speaker.person_id))
        case "text":
            view = await talk.office.cases.look(talk.speaker.person_id, data.case)
            await talk.answer(cards.whole_text(view))
        case "unclear":
            talk.dialogue.which_note = note
            await staff.offer(talk, await talk.office.cases.look(talk.speaker.person_id, data.case))
        case "new" if talk.speaker.staff and note:
            await resident.hear(talk, note)
        case "card":
            await staff.show(talk, await talk.office.cases.look(talk.speaker.person_id, data.case))
        case act if act in _RESIDENT_ACTS:
            talk.act(act)
            await resident.do(talk, act, data.case, note)
        case act:
            await staff.do(talk, act, data.case, note)


async def _refused(event: ErrorEvent, talk: Talk, state: FSMContext) -> None:
    """The one boundary between refusals and sentences. What is no refusal is a fault and is raised on."""
    error = event.exception
    tapped = event.update.callback_query
    tried = (tapped.data if tapped is not None else None) or talk.dialogue.act or "text"
    match error:
        case CaseNotFound():
            text = say("not_yours")
            case_id = error.args[0] if error.args and isinstance(error.args[0], int) else None
            await talk.refuse(await talk.office.refusals.why_not_seen(talk.speaker.person_id, case_id), tried, case_id)
        case AlertNotFound() | RulingNotFound():
            text = say("not_yours")
            await talk.refuse(Why.NOT_THEIRS, tried)
        case OwnWork():
            text = say("own_work")
            await talk.refuse(Why.OWN_WORK, tried, error.case_id)
        case NotAllowed():
            text = say("not_allowed")
            await talk.refuse(Why.NOT_THEIR_STEP, tried, error.case_id)
        case NotPossible():
            text = say("stale", why=f"这件事现在是“{cards.STATE[error.status]}”")
            if error.status in CLOSED:
                text += "。要再反映，直接跟我说就行。"
        case Missing():
            text = say(error.phrase)
        case _:
            raise error
    log.info("answered with a refusal", why=type(error).__name__, person=talk.speaker.person_id)
    talk.dialogue.pending = ""
    talk.act("refused")
    await talk.answer(text)
    await keep(state, talk.dialogue)
