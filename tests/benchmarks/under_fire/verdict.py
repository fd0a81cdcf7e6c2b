"""The independent checker: from the messenger's journal and the tables alone, what became of everything.

No code of the product judges itself here; only the table of transitions is taken from it, as data.

lost          an accepted update that no turn handled or that got no answer; a report without a case; a reply that the
              messenger never took, or that was given up
              (a digest on its way at a kill may be: it is never sent twice)
doubled       an update stored or answered twice; a report that became two cases; an act that counted more often than
              it was done; a reply that came twice without a kill between; more than one for the same kill
resent        replies that a kill (or a freeze, or a restart of the database) made come a second time; not those whose
              answer was late and which the outbox had marked as unsure before anything else was sent
out_of_order  replies of a chat in another order than they were written (what two transactions wrote within seconds of
              each other, as a turn and a tick can on PostgreSQL, has no order); updates of a chat handled in another order
              than they came in; updates that were polled stored in another order than they were sent
unclocked     an open case without a holder or without exactly one running clock; a closed one whose clock runs; a
              history that does not lead, by the table, to where the case is
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

import asyncpg

from workflows.policy.lifecycle import CLOSED, STATUS_OF, TRANSITIONS, To
from workflows.policy.measures import KEEPS_THE_CLOCK, MARKERS

Row = dict[str, Any]
Tables = dict[str, list[Row]]
NAMES = ("inbox", "outbox", "cases", "case_events", "follow_ups", "accounts", "web_bubbles")
_LATE_SECONDS = 1.5  # a mark that is younger than this was not made for a late answer
_CAPTION = 1024  # Telegram's limit; longer words follow their picture as a message
_JSON = ("update", "payload", "data", "buttons", "understanding")
_CLOSED = {str(status) for status in CLOSED}
_WORKING = {str(rung): str(status) for rung, status in STATUS_OF.items()}
_RUNGS = list(_WORKING)
# What a button's payload does to a case, where one act makes exactly one line of the history.
_ACTS = {
    "solved": {"judge_solved"}, "partly": {"judge_partly"}, "take_on": {"take_on"},
    "confirm": {"confirm"}, "head": {"ask_building_head"}, "cannot": {"cannot_solve"},
}  # fmt: skip


@dataclass
class Verdict:
    """What was found. `faults` says each in a sentence; the harness fails on any."""

    kills: int = 0
    restarts: int = 0
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    resent: int = 0
    out_of_order: int = 0
    unclocked: int = 0
    after_lost_answers: int = 0
    after_late_answers: int = 0
    freezes: int = 0
    pictures: int = 0
    files: int = 0
    never_twice: int = 0
    replies: int = 0
    cases: int = 0
    events: int = 0
    most_for_one_kill: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The last line of the harness."""
        return (
            f"kills {self.kills} accepted {self.accepted} lost {self.lost} doubled {self.doubled} "
            f"resent {self.resent} out_of_order {self.out_of_order} unclocked {self.unclocked}"
        )

    def fault(self, kind: str, said: str) -> None:
        """One more of a kind."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.faults.append(f"{kind}: {said}")


async def tables(url: str) -> Tables:
    """The tables as they are, read with the plain driver."""
    found: Tables = {}
    if url.startswith("sqlite"):
        connection = sqlite3.connect(f"file:{url.partition(':///')[2]}?mode=ro", uri=True, timeout=30)
        connection.row_factory = sqlite3.Row
        for name in NAMES:
            found[name] = [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY id")]
        connection.close()
    else:
        link = await asyncpg.connect(url.replace("+asyncpg", ""))
        for name in NAMES:
            found[name] = [dict(row) for row in await link.fetch(f"SELECT * FROM {name} ORDER BY id")]
        await link.close()
    for row in (row for rows in found.values() for row in rows):
        for key in _JSON:
            if isinstance(row.get(key), str):
                row[key] = json.loads(row[key])
    return found


def judge(journal: Sequence[Row], kept: Tables) -> Verdict:
    """Everything at once."""
    verdict = Verdict(
        kills=sum(line["kind"] == "kill" for line in journal),
        restarts=sum(line["kind"] == "restart" for line in journal),
        freezes=sum(line["kind"] == "frozen" for line in journal),
        pictures=sum(line["kind"] == "call" and line["taken"] and line["method"] == "sendPhoto" for line in journal),
        files=sum(line["kind"] == "file" and not line["asked"] and line["answer"] == "ok" for line in journal),
        accepted=sum(line["kind"] == "accepted" for line in journal),
        cases=len(kept["cases"]),
        events=len(kept["case_events"]),
    )
    for line in journal:
        if line["kind"] == "died":
            verdict.faults.append(f"the application ended by itself, code {line['code']}")
    _updates(journal, kept, verdict)
    _marks(journal, kept, verdict)
    _acts(journal, kept, verdict)
    _replies(journal, kept, verdict)
    _page(kept, verdict)
    _clocks(kept, verdict)
    _history(kept, verdict)
    if verdict.never_twice > verdict.kills + verdict.freezes:
        verdict.faults.append(f"lost: {verdict.never_twice} digests without an outcome for {verdict.kills} kills")
    return verdict


# ---- updates


def _updates(journal: Sequence[Row], kept: Tables, verdict: Verdict) -> None:
    """Each accepted update once in the inbox, handled, and answered once."""
    stored: dict[int, list[Row]] = defaultdict(list)
    for row in kept["inbox"]:
        if row["channel"] == "telegram" and not row["update"].get("xiaoshao"):
            stored[row["update"]["update_id"]].append(row)
    sent = {line["id"]: line for line in journal if line["kind"] == "update"}
    answers = Counter(row["inbound_id"] for row in kept["outbox"])
    taps = Counter(
        row["payload"]["callback_query_id"] for row in kept["outbox"] if row["method"] == "AnswerCallbackQuery"
    )
    for number in (line["id"] for line in journal if line["kind"] == "accepted"):
        rows = stored.get(number, [])
        if not rows or rows[0]["state"] != "done":
            verdict.fault("lost", f"update {number}: {rows[0]['state'] if rows else 'not stored'}")
            continue
        if not answers[rows[0]["id"]]:
            verdict.fault("lost", f"update {number} was handled without an answer")
        query = sent[number].get("query")
        if query and taps[query] != 1:
            verdict.fault("doubled", f"tap {query} was answered {taps[query]} times")
    for number, rows in stored.items():
        if len(rows) > 1:
            verdict.fault("doubled", f"update {number} is stored {len(rows)} times")
    _stored_in_order(journal, sent, {number: rows[0]["id"] for number, rows in stored.items()}, verdict)
    _handled_in_order(kept, verdict)


def _stored_in_order(journal: Sequence[Row], sent: dict[int, Row], stored: dict[int, int], verdict: Verdict) -> None:
    """Those of a chat that came by polling alone: a webhook's sender may change their order, a poll may not."""
    posted = {line["id"] for line in journal if line["kind"] == "handed" and line["by"] == "webhook"}
    polled: dict[int, list[int]] = defaultdict(list)
    for number in sorted(sent.keys() & stored.keys() - posted):
        polled[sent[number]["chat"]].append(stored[number])
    for chat, ids in polled.items():
        for first, second in pairwise(ids):
            if first > second:
                verdict.fault("out_of_order", f"chat {chat}: stored {second} before {first}")


def _handled_in_order(kept: Tables, verdict: Verdict) -> None:
    by_chat: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in kept["inbox"]:
        if row["state"] == "done":
            by_chat[row["channel"], row["chat_key"]].append(row)
    for chat, rows in by_chat.items():
        for one, two in pairwise(rows):
            if str(one["done_at"]) > str(two["done_at"]):
                verdict.fault("out_of_order", f"chat {chat}: inbox {two['id']} was handled before {one['id']}")
    own = {row["id"]: (row["channel"], row["chat_key"]) for row in kept["inbox"]}
    last: dict[tuple[str, str], int] = defaultdict(int)
    for row in kept["outbox"]:
        inbound, home = row["inbound_id"], (row["channel"], row["chat_key"])
        if inbound is None or own.get(inbound) != home:
            continue  # news that somebody else's turn brought
        if inbound < last[home]:
            verdict.fault("out_of_order", f"chat {home}: answered {last[home]} before {inbound}")
        last[home] = max(last[home], inbound)


def _marks(journal: Sequence[Row], kept: Tables, verdict: Verdict) -> None:
    """Every scripted report became exactly one case or joined one; no words were written down twice."""
    notes: dict[str, list[Row]] = defaultdict(list)
    for event in kept["case_events"]:
        for word in event["note"].split("记号")[1:]:
            notes[word[:6]].append(event)
    accepted = {line["id"] for line in journal if line["kind"] == "accepted"}
    for line in journal:
        if line["kind"] != "update" or not line.get("mark") or line["id"] not in accepted:
            continue
        events = notes[line["mark"]]
        if line["mark"].startswith("R") and not events:
            verdict.fault("lost", f"report {line['mark']} (update {line['id']}) became no case")
        if len(events) > 1:
            what = ", ".join(f"{e['action']} of case {e['case_id']}" for e in events)
            verdict.fault("doubled", f"{line['mark']} (update {line['id']}): {what}")


def _acts(journal: Sequence[Row], kept: Tables, verdict: Verdict) -> None:
    """No act has more lines in the history than times it was done, by anybody."""
    done: Counter[tuple[int, str]] = Counter()
    for line in journal:
        if line["kind"] == "update" and str(line.get("data", "")).startswith("c:"):
            _, act, case = line["data"].split(":")
            done[int(case), act] += 1
    recorded: Counter[tuple[int, str]] = Counter()
    for event in kept["case_events"]:
        if event["actor_id"] is not None:
            recorded[event["case_id"], event["action"]] += 1
    for act, actions in _ACTS.items():
        for (case, action), count in recorded.items():
            if action in actions and count > done[case, act]:
                verdict.fault("doubled", f"case {case}: {action} {count} times, tapped {done[case, act]} times")


# ---- replies


def _replies(journal: Sequence[Row], kept: Tables, verdict: Verdict) -> None:
    """What the messenger took, chat by chat, against what was written."""
    written, taken = _written(kept, verdict), _taken(journal, kept)
    breaks, for_kill = _breaks(journal), Counter[tuple[int, int]]()
    for chat in sorted(set(written) | set(taken)):
        # What is never sent twice may have arrived, though nobody knows it.
        sent = [row for row in written[chat] if row["state"] == "sent" or _taken_once(row, taken[chat])]
        rows = _as_taken([part for row in sent for part in _parts(row)], taken[chat])
        _chat(chat, _runs(rows, _wanted), _runs(taken[chat], _seen), breaks, for_kill, verdict)
    verdict.resent = for_kill.total()
    for kill in sorted({kill for kill, _ in for_kill}):
        chats = {chat: count for (own, chat), count in for_kill.items() if own == kill}
        count = sum(chats.values())
        verdict.most_for_one_kill = max(verdict.most_for_one_kill, count)
        if count > 1:
            verdict.fault("doubled", f"{count} replies came twice after one kill (line {kill}), by chat: {chats}")


def _written(kept: Tables, verdict: Verdict) -> dict[int, list[Row]]:
    written: dict[int, list[Row]] = defaultdict(list)
    own = {row["id"]: row["chat_key"] for row in kept["inbox"]}
    for row in kept["outbox"]:
        if row["channel"] != "telegram":
            continue
        verdict.replies += 1
        row["own"] = own.get(row["inbound_id"]) == row["chat_key"]
        written[int(row["chat_key"])].append(row)
        if _never_twice(row):
            verdict.never_twice += 1
        elif row["state"] != "sent":
            verdict.fault("lost", f"reply {row['id']} is {row['state']}: {row['error']}")
    return written


def _taken(journal: Sequence[Row], kept: Tables) -> dict[int, list[Row]]:
    home = {
        row["payload"]["callback_query_id"]: int(row["chat_key"])
        for row in kept["outbox"]
        if row["method"] == "AnswerCallbackQuery" and row["channel"] == "telegram"
    }
    taken: dict[int, list[Row]] = defaultdict(list)
    for n, line in enumerate(journal):
        if line["kind"] == "call" and line["taken"]:
            chat = line["chat"] or home.get(line["fields"].get("callback_query_id", ""), 0)
            taken[chat].append(line | {"line": n})
    return taken


def _never_twice(row: Row) -> bool:
    """A digest that was on its way when its process was killed: whether it arrived is not known, and it stays so."""
    return not row["resend"] and row["state"] == "dead" and "not sent twice" in row["error"]


def _taken_once(row: Row, calls: Sequence[Row]) -> bool:
    return _never_twice(row) and any(_wanted(_parts(row)[0]) == _seen(call) for call in calls)


def _parts(row: Row) -> list[Row]:
    """The calls that a row becomes: words that are too long for a caption follow their picture."""
    caption = row["payload"].get("caption") or ""
    if row["method"] != "SendPhoto" or len(caption.encode("utf-16-le")) // 2 <= _CAPTION:
        return [row]
    rest = {name: value for name, value in row["payload"].items() if name == "reply_markup"}
    return [
        row | {"payload": {"photo": row["payload"]["photo"]}, "message_id": None},
        row | {"method": "SendMessage", "payload": rest | {"text": caption}},
    ]


def _breaks(journal: Sequence[Row]) -> list[tuple[int, int]]:
    """From where to where in the journal lives ended: what came before the last line and again behind the first.

    What a process had sent may be read after it was killed, until the journal says so or the next one begins; where
    others go on meanwhile, they may send it again at once.
    """
    found, open_ = list[tuple[int, int]](), list[tuple[str, int]]()
    crowd = any(line["kind"] == "buried" for line in journal)
    for n, line in enumerate(journal):
        match line["kind"]:
            case "restart":
                found.append((n, n))
            case "kill" | "frozen":
                open_.append((line["kind"], n))
            case "buried" | "thawed":
                began = "kill" if line["kind"] == "buried" else "frozen"
                found += [(first, n) for kind, first in open_ if kind == began]
                open_ = [one for one in open_ if one[0] != began]
            case "start" if open_ and not crowd:
                found += [(first, n) for _, first in open_]
                open_ = []
    return sorted(found)


def _chat(
    chat: int,
    rows: list[tuple[Any, list[Row]]],
    calls: list[tuple[Any, list[Row]]],
    breaks: list[tuple[int, int]],
    for_kill: Counter[tuple[int, int]],
    verdict: Verdict,
) -> None:
    """Replies of a chat go one by one, so a second copy stands right behind the first: run lies upon run."""
    if [print_ for print_, _ in rows] != [print_ for print_, _ in calls]:
        _unlike(chat, rows, calls, verdict)
        return
    for (_, wanted), (_, got) in zip(rows, calls, strict=True):
        missing = len(wanted) - len(got)
        for _ in range(missing):
            verdict.fault("lost", f"chat {chat}: a reply like {wanted[-1]['id']} was taken less often than written")
        ids = {str(call["message_id"]) for call in got if "message_id" in call}
        for row in wanted:
            if row["method"].startswith("Send") and row["message_id"] is not None and row["message_id"] not in ids:
                verdict.fault("lost", f"chat {chat}: reply {row['id']} has a message id that was never given")
        _again(chat, wanted, got, breaks, for_kill, verdict)


def _again(
    chat: int,
    wanted: list[Row],
    got: list[Row],
    breaks: list[tuple[int, int]],
    for_kill: Counter[tuple[int, int]],
    verdict: Verdict,
) -> None:
    """Why each copy too many came: an answer that was lost, a kill, or no reason at all."""
    causes: list[int | None] = []
    late = 0
    recorded = {row["message_id"] for row in wanted}
    for one, two in pairwise(got):
        if str(one.get("message_id", "")) in recorded:
            continue  # this one was known to have arrived: what follows says the same and is another
        if one["answer"] != "ok":
            causes.append(None)
        elif between := [first for first, last in breaks if one["line"] < last and two["line"] > first]:
            if any(_was_late(row, one, two) for row in wanted):
                causes.append(None)
                late += 1
            else:
                causes.append(between[0])
    causes.sort(key=lambda cause: cause is not None)
    extra = len(got) - len(wanted)
    verdict.after_late_answers += min(late, max(0, extra))
    for number in range(max(0, extra)):
        if number >= len(causes):
            verdict.fault("doubled", f"chat {chat}: a reply came twice without a kill: call {got[-1]['n']}")
        elif (cause := causes[number]) is None:
            verdict.after_lost_answers += 1
        elif not got[-1].get("unchanged"):  # an edit that changes nothing is no second message
            for_kill[cause, chat] += 1


def _was_late(row: Row, one: Row, two: Row) -> bool:
    """Whether the outbox knew before the kill that nobody knew of the first copy, and others might go before it."""
    if row.get("unsure_since") is None:
        return False
    marked = _time(row["unsure_since"]).replace(tzinfo=UTC).timestamp()
    return bool(one["wall"] + _LATE_SECONDS <= marked <= two["wall"])


def _as_taken(rows: list[Row], calls: list[Row]) -> list[Row]:
    """The rows as they were written; where two transactions wrote at the same time, as the messenger took them.

    What one transaction wrote, and what was written seconds apart, keeps its order whatever the messenger took.
    """
    left, ordered, last = list(rows), list[Row](), None
    for call in calls:
        print_ = _seen(call)
        if print_ == last and not (left and _wanted(left[0]) == print_):
            continue  # a copy
        for place, row in enumerate(left[:60]):
            if _wanted(row) == print_ and all(_at_once(other, row) for other in left[:place]):
                ordered.append(left.pop(place))
                last = print_
                break
    return ordered + left


def _at_once(one: Row, two: Row) -> bool:
    if one["own"] and two["own"]:
        return False  # a chat's own turns come one after another
    if (one["inbound_id"], one["created_at"]) == (two["inbound_id"], two["created_at"]):
        return False
    return abs((_time(one["created_at"]) - _time(two["created_at"])).total_seconds()) < 10


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _unlike(chat: int, rows: list[tuple[Any, list[Row]]], calls: list[tuple[Any, list[Row]]], verdict: Verdict) -> None:
    want, got = {print_ for print_, _ in rows}, {print_ for print_, _ in calls}
    for print_ in want - got:
        verdict.fault("lost", f"chat {chat}: never taken: {str(print_)[:120]}")
    for print_ in got - want:
        verdict.fault("doubled", f"chat {chat}: taken and never written: {str(print_)[:120]}")
    if want == got:
        verdict.fault("out_of_order", f"chat {chat}: replies were taken in another order than written")


def _runs(lines: Iterable[Row], print_of: Any) -> list[tuple[Any, list[Row]]]:
    return [(print_, list(some)) for print_, some in groupby(lines, key=print_of)]


def _wanted(row: Row) -> tuple[Any, ...]:
    payload = row["payload"]
    return _print(row["method"][0].lower() + row["method"][1:], payload, payload.get("reply_markup"))


def _seen(call: Row) -> tuple[Any, ...]:
    markup = call["fields"].get("reply_markup")
    return _print(call["method"], call["fields"], json.loads(markup) if markup else None)


def _print(method: str, fields: Row, markup: Any) -> tuple[Any, ...]:
    """What makes two calls the same for whoever reads them."""
    rows = (markup or {}).get("inline_keyboard", [])
    buttons = tuple(tuple((b["text"], b.get("callback_data")) for b in row) for row in rows)
    number = str(fields["message_id"]) if "message_id" in fields else ""
    return (
        method,
        fields.get("text") or fields.get("caption") or "",
        buttons,
        number,
        fields.get("callback_query_id", ""),
    )


def _page(kept: Tables, verdict: Verdict) -> None:
    """The page's own messages: each as one bubble."""
    bubbles = Counter(row["outbox_id"] for row in kept["web_bubbles"] if row["outbox_id"] is not None)
    for row in kept["outbox"]:
        if row["channel"] == "web" and row["method"].startswith("Send"):
            if row["state"] != "sent" or not bubbles[row["id"]]:
                verdict.fault("lost", f"bubble of {row['id']}, which is {row['state']}")
            elif bubbles[row["id"]] > 1:
                verdict.fault("doubled", f"bubble of {row['id']}")


# ---- cases


def _clocks(kept: Tables, verdict: Verdict) -> None:
    running = Counter(row["case_id"] for row in kept["follow_ups"] if row["kind"] == "clock" and row["done_at"] is None)
    for case in kept["cases"]:
        open_ = case["status"] not in _CLOSED
        if open_ and case["holder_unit_id"] is None:
            verdict.fault("unclocked", f"case {case['number']} has no holder")
        if running[case["id"]] != int(open_):
            verdict.fault("unclocked", f"case {case['number']} is {case['status']} with {running[case['id']]} clocks")


def _history(kept: Tables, verdict: Verdict) -> None:
    table = {(str(status), str(action)): leads for (status, action), leads in TRANSITIONS.items()}
    told: dict[int, list[Row]] = defaultdict(list)
    for event in kept["case_events"]:
        told[event["case_id"]].append(event)
    for case in kept["cases"]:
        if why := _broken(case, told[case["id"]], table):
            verdict.fault("unclocked", f"case {case['number']}: {why}")
    known = {case["id"] for case in kept["cases"]}
    for case_id in told.keys() - known:
        verdict.fault("lost", f"case {case_id} has a history and no row")
    numbers = Counter((case["community_id"], case["number"]) for case in kept["cases"])
    for (_, number), count in numbers.items():
        if count > 1:
            verdict.fault("doubled", f"number {number} was given {count} times")


def _broken(case: Row, events: list[Row], table: dict[tuple[str, str], Any]) -> str:
    if not events or events[0]["action"] != "open" or events[0]["from_status"]:
        return "its history does not begin with its opening"
    for before, event in pairwise(events):
        if event["action"] == "open":
            return "it was opened twice"
        if event["from_status"] != before["to_status"]:
            return f"event {event['id']} starts from {event['from_status']}, but it was {before['to_status']}"
        if not _leads(before, event, table.get((event["from_status"], event["action"]))):
            return f"event {event['id']}: {event['action']} cannot lead from {event['from_status']} to {event['to_status']}"
    last = events[-1]
    for column, then in (("status", "to_status"), ("rung", "rung"), ("holder_unit_id", "holder_unit_id")):
        if case[column] != last[then]:
            return f"{column} is {case[column]}, its history ends with {last[then]}"
    for column, told in (
        ("touched_at", max(event["at"] for event in events)),
        ("last_marker", _last(events, MARKERS, among=True)),
        ("last_step", _last(events, KEEPS_THE_CLOCK, among=False)),
    ):
        if case[column] != told:
            return f"{column} is {case[column]}, its history says {told}"
    return ""


def _last(events: list[Row], actions: Sequence[str], *, among: bool) -> str:
    return next((event["action"] for event in reversed(events) if (event["action"] in actions) == among), "")


def _leads(before: Row, event: Row, leads: Any) -> bool:
    status = event["to_status"]
    if event["action"] == "route":  # put on its first rung anew
        return status in _WORKING.values()
    match leads:
        case None:
            return False
        case To.SAME:
            return status == event["from_status"] and event["rung"] == before["rung"]
        case To.RUNG:
            return status == _WORKING[before["rung"]]
        case To.NEXT:
            here = _RUNGS.index(before["rung"])
            higher = [*_RUNGS[here:], "community"]  # above a department: the community again
            return event["rung"] in higher and status == _WORKING[event["rung"]]
        case _:
            return status == str(leads)
