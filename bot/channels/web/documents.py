"""What the JSON faces of the page answer, as they are documented in /openapi.json."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from workflows.voices import MEDIA_TYPES


class Refusal(BaseModel):
    """Why something was not done, as a sentence for the person; `fields` names what could not be read."""

    error: str
    fields: list[str] = []


class Absent(BaseModel):
    """There is no such thing, or it is not for this visitor."""

    detail: str


class Command(BaseModel):
    """A command that the page offers."""

    command: str
    title: str


class Seat(BaseModel):
    """A chair of the page, and what waits in its chat."""

    chat: str
    name: str
    role: str
    avatar: str
    color: str
    hint: str
    read: int = Field(description="the place in the chat up to which it was read")
    unread: int
    last: str
    audience: Literal["staff", "resident"]
    large: bool = Field(description="whether this person reads 长辈版")
    commands: list[Command]


class Me(BaseModel):
    """Who sits here, and in the demo every chair there is."""

    demo: bool
    title: str
    community: str
    chairs: list[Seat]
    current: str
    now: str = Field(description="the moment in the neighbourhood's time zone, ISO 8601")
    commands: list[Command]
    photo_limit_mb: int
    voice_limit_seconds: int


class Button(BaseModel):
    """A button below a bubble; `data` is what a tap sends back."""

    text: str
    data: str


class Bubble(BaseModel):
    """A bubble of a chat."""

    id: int
    seq: int
    sender: Literal["me", "bot"] = Field(alias="from")
    kind: Literal["text", "photo", "voice"]
    text: str
    photo: str | None
    voice: str | None
    buttons: list[list[Button]]
    at: str = Field(description="ISO 8601")
    client_id: str | None
    edited: bool


class Kept(BaseModel):
    """A photo or a recording that was taken in."""

    bubble: Bubble


class Now(BaseModel):
    """What time the demo has."""

    now: str


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether the product can do its work; the NLU may be away, intake goes on by menu."""

    ready: bool
    database: Literal["ok", "down"]
    nlu: str
    courier_lag_seconds: float | None


Responses = dict[int | str, dict[str, Any]]
UNREADABLE: Responses = {422: {"model": Refusal, "description": "Something in the request could not be read."}}
ABSENT: Responses = {404: {"model": Absent, "description": "There is no such thing, or it is not for this visitor."}}
NO_JSON: Responses = {400: {"model": Absent, "description": "The body could not be parsed."}}
PHOTO_REFUSED: Responses = {
    400: {"model": Refusal | Absent, "description": "No photo, too large, or a body that could not be parsed."},
    403: {"model": Refusal, "description": "Not this visitor's chat."},
}
NOT_SEATED: Responses = {401: {"model": Absent, "description": "No cookie yet: load the page first."}}
NOT_READY: Responses = {503: {"model": Readiness, "description": "The database is away or messages are stuck."}}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
PHOTO: Responses = {200: {"content": dict.fromkeys(("image/jpeg", *MEDIA_TYPES.values()), _BYTES)}}
