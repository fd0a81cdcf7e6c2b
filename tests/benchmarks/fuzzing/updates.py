"""Telegram's updates as they really come, of every kind, and what accidents and malice make of them."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Json = dict[str, Any]

_VALUES: tuple[Any, ...] = (
    None, "", "x", "\x00", "\ud800", 0, -1, 1, 2**31, 2**53, -(2**63), 2**64, 10**100, 0.5, -0.0, 1e308, float("inf"),
    float("nan"), True, False, [], {}, [[]], [None], {"": {}}, {"a": {"a": {"a": []}}}, "2026-11-24", "１",
)  # fmt: skip
_KINDS_OF_CHAT = ("private", "group", "supergroup", "channel", "sender", "", "x")
_MEDIA: dict[str, Any] = {
    "location": {"latitude": 40.84, "longitude": 111.75},
    "contact": {"phone_number": "+8615500000000", "first_name": "王"},
    "voice": {"file_id": "v", "file_unique_id": "v", "duration": 3},
    "sticker": {
        "file_id": "s", "file_unique_id": "s", "type": "regular", "width": 9, "height": 9, "is_animated": False, "is_video": False,
    },
    "document": {"file_id": "d", "file_unique_id": "d", "mime_type": "application/pdf", "file_name": "a.pdf"},
    "video": {"file_id": "f", "file_unique_id": "f", "width": 9, "height": 9, "duration": 3},
    "dice": {"emoji": "🎲", "value": 3},
    "poll": {
        "id": "1", "question": "好不好", "options": [], "total_voter_count": 0, "is_closed": False, "is_anonymous": True,
        "type": "regular", "allows_multiple_answers": False,
    },
    "venue": {"location": {"latitude": 40.84, "longitude": 111.75}, "title": "园林小区", "address": "南门"},
    "new_chat_title": "新名字",
    "left_chat_member": {"id": 5, "is_bot": False, "first_name": "走了"},
    "pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 500001, "type": "private"}},
    "a_kind_of_next_year": {"what": "nobody knows"},
}  # fmt: skip


class Telegram:
    """Makes updates for people in private chats; each gets the next update id."""

    def __init__(self, rng: Random, first_id: int) -> None:
        self.rng = rng
        self._next = first_id

    def _update(self, kind: str, body: Json) -> Json:
        self._next += 1
        return {"update_id": self._next, kind: body}

    def _message(self, chat: int, at: int, **parts: Any) -> Json:
        return {
            "message_id": self._next + 1,
            "date": at,
            "chat": {"id": chat, "type": "private", "first_name": "居民"},
            "from": {"id": chat, "is_bot": False, "first_name": "居民", "language_code": "zh-hans"},
            **parts,
        }

    def text(self, chat: int, at: int, text: str) -> Json:
        """A line, sometimes with what a messenger adds to it."""
        parts: Json = {"text": text}
        match self.rng.randrange(12):
            case 0:
                parts["entities"] = [
                    {"type": "bot_command", "offset": 0, "length": 5},
                    {"type": "url", "offset": 999, "length": 9},
                ]
            case 1:
                parts["reply_to_message"] = self._message(chat, at, text="刚才那句")
            case 2:
                sender = {"id": 77, "is_bot": False, "first_name": "别人"}
                parts["forward_origin"] = {"type": "user", "date": at, "sender_user": sender}
            case 3:
                parts["quote"] = {"text": "一半", "position": 0}
        return self._update("message", self._message(chat, at, **parts))

    def photo(self, chat: int, at: int, caption: str) -> Json:
        """A photo, with or without words, alone or one of several."""
        what = self.rng.choice(["good", "good", "good", "junk", "gone", "slow"])
        sizes = [
            {"file_id": what, "file_unique_id": what, "width": n, "height": n, "file_size": n * n} for n in (90, 320)
        ]
        parts: Json = {"photo": sizes} | ({"caption": caption} if caption else {})
        if self.rng.random() < 0.3:
            parts["media_group_id"] = "1357"
        if self.rng.random() < 0.1:
            parts = {"document": {**sizes[1], "mime_type": "image/jpeg"}} | ({"caption": caption} if caption else {})
        return self._update("message", self._message(chat, at, **parts))

    def media(self, chat: int, at: int) -> Json:
        """What is neither words nor a photo."""
        kind = self.rng.choice(list(_MEDIA))
        return self._update("message", self._message(chat, at, **{kind: _MEDIA[kind]}))

    def edited(self, chat: int, at: int, text: str) -> Json:
        """A message that was put right."""
        return self._update("edited_message", self._message(chat, at, text=text, edit_date=at))

    def tap(self, chat: int, at: int, data: str, message_id: int, label: str = "") -> Json:
        """A button, sometimes of a message that is too old to be had any more, or of none."""
        message = self._message(chat, at, text="…")
        message["message_id"] = message_id
        if label:
            message["reply_markup"] = {"inline_keyboard": [[{"text": label, "callback_data": data}]]}
        query: Json = {
            "id": str(self._next), "from": message["from"], "chat_instance": "1", "data": data, "message": message,
        }  # fmt: skip
        match self.rng.randrange(14):
            case 0:
                query["message"] = {"chat": message["chat"], "message_id": message_id, "date": 0}
            case 1:
                query.pop("message")
                query["inline_message_id"] = "abc"
            case 2:
                query.pop("data")
                query["game_short_name"] = "x"
        return self._update("callback_query", query)

    def elsewhere(self, chat: int, at: int, text: str) -> Json:
        """What does not come from a private chat, or is no message."""
        kind = self.rng.choice(
            ["group", "channel_post", "my_chat_member", "inline_query", "message_reaction", "nothing"]
        )
        message = self._message(chat, at, text=text)
        match kind:
            case "group":
                message["chat"] = {"id": -1001234, "type": self.rng.choice(["group", "supergroup"]), "title": "群"}
                return self._update("message", message)
            case "channel_post":
                message["chat"] = {"id": -100999, "type": "channel", "title": "频道"}
                return self._update(kind, message)
            case "my_chat_member":
                member = {"status": "kicked", "user": message["from"], "until_date": 0}
                who = {"chat": message["chat"], "from": message["from"], "date": at}
                return self._update(kind, {**who, "old_chat_member": member, "new_chat_member": member})
            case "nothing":
                self._next += 1
                return {"update_id": self._next}
            case _:
                return self._update(kind, {"id": "1", "from": message["from"], "query": text, "offset": ""})


# ---- what goes wrong with them


def _spots(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document; not what an accident has buried."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        if depth < 12:
            yield from _spots(inner, depth + 1)


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"reply_to_message": value}
    return value


_ACCIDENTS: dict[str, Callable[[Random, Any, Any], None]] = {
    "gone": lambda rng, box, key: box.pop(key),
    "other value": lambda rng, box, key: box.__setitem__(key, rng.choice(_VALUES)),
    "as text": lambda rng, box, key: box.__setitem__(key, str(box[key])),
    "in a list": lambda rng, box, key: box.__setitem__(key, [box[key]]),
    "deep": lambda rng, box, key: box.__setitem__(key, _nested(box[key], rng.choice([3, 60, 250]))),
    "other kind of chat": lambda rng, box, key: (
        box.__setitem__("type", rng.choice(_KINDS_OF_CHAT)) if isinstance(box, dict) else None
    ),
    "unknown field": lambda rng, box, key: (
        box.__setitem__(rng.choice(["xiaoshao", "\x00", "via_bot", "story"]), rng.choice(_VALUES))
        if isinstance(box, dict)
        else None
    ),
}


def mutated(rng: Random, update: Json) -> Json:
    """A copy with one to three accidents; what is left may not be an update at all."""
    spoiled = copy.deepcopy(update)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        spots = list(_spots(spoiled))
        if not spots:
            break
        box, key = rng.choice(spots)
        _ACCIDENTS[rng.choice(list(_ACCIDENTS))](rng, box, key)
    return spoiled


def as_body(rng: Random, update: Json) -> bytes:
    """As JSON on the wire; now and then not quite."""
    body = json.dumps(update).encode()
    match rng.randrange(60):
        case 0:
            return body[: rng.randrange(len(body))]
        case 1:
            return body.replace(b'"', b"'", 1)
        case 2:
            return b"\xff\xfe" + body
        case 3:
            return b"[" * 100_000
        case 4:
            return rng.choice([b"", b"null", b"[]", b"1", b'"x"', b"{}", b'{"update_id":1e999}', b"NaN", body + body])
    return body
