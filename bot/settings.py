"""config.yml, read once, checked whole, frozen: a mistake is named with its key and its remedy."""

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from rapidfuzz import fuzz, process

from bot.processes.roles import ALL, ProcessRole
from nlu.danger import Ear
from nlu.understanding import REQUEST_INTENTS
from workflows.policy.allowance import Allowance
from workflows.policy.clocks import Clock, QuietHours
from workflows.policy.ladder import DEFAULT_PATH, Ladder, Route
from workflows.policy.lifecycle import Rung

if TYPE_CHECKING:
    from workflows.directory import Directory

DEFAULT_CONFIG = Path("config.yml")
PREFIX = "XIAOSHAO__"
_SLIP = 60  # of 100: two of three characters in place, as in 水物局
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call them in a link


class ConfigError(Exception):
    """The configuration cannot be used; the text names every wrong key and what to write instead."""


class Section(BaseModel):
    """A part of config.yml. Unknown keys are refused: a mistyped one would otherwise be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """Where the page is served."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str = ""

    @model_validator(mode="before")
    @classmethod
    def _reached_where_it_is_served(cls, given: Any) -> Any:
        """Nobody who moves the port should have to say so twice."""
        if not isinstance(given, dict) or given.get("public_url"):
            return given
        host, port = str(given.get("host", "127.0.0.1")), given.get("port", 8080)
        return given | {"public_url": address(host, port)}

    @property
    def reachable_from_outside(self) -> bool:
        """Whether links lead where others can follow, as far as can be told: not from 0.0.0.0 alone."""
        return self.host not in _EVERYWHERE or self.public_url != address(self.host, self.port)


def address(host: str, port: object) -> str:
    """Where a browser on this machine finds the page."""
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Database(Section):
    """One URL decides between SQLite and PostgreSQL."""

    url: str = "sqlite+aiosqlite:///var/xiaoshao.db"

    @field_validator("url")
    @classmethod
    def _known_driver(cls, url: str) -> str:
        if not url.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
            raise ValueError("write sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME")
        return url


class Demo(Section):
    """The demo neighbourhood, its chairs and its time machine."""

    enabled: bool = True
    directory: Path = Path("workflows/demo/hohhot.yml")


class Web(Section):
    """The chat page."""

    enabled: bool = True
    photo_limit_mb: int = Field(10, ge=1, le=50)
    per_second: float = Field(50, gt=0)


class Telegram(Section):
    """The Telegram bot."""

    mode: Literal["auto", "polling", "webhook", "off"] = "auto"
    token: str = ""
    api_base: str = "https://api.telegram.org"
    webhook_secret: str = ""
    photo_limit_mb: int = Field(10, ge=1, le=20)
    per_second: float = Field(25, gt=0)
    per_chat_seconds: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _needs(self) -> "Telegram":
        if self.mode in ("polling", "webhook") and not self.token:
            raise ValueError(f"mode {self.mode} needs a token: set TELEGRAM_BOT_TOKEN, or write mode: auto")
        if self.mode == "webhook" and not self.webhook_secret:
            raise ValueError("mode webhook needs webhook_secret: any 16 or more letters and digits")
        return self

    @property
    def how(self) -> Literal["polling", "webhook", "off"]:
        """The mode after `auto` has been decided."""
        if self.mode == "auto":
            return "polling" if self.token else "off"
        return self.mode


class Channels(Section):
    """How people reach the bot."""

    web: Web = Web()
    telegram: Telegram = Telegram()


class Voice(Section):
    """Voice messages: how large and how long one may be."""

    limit_mb: int = Field(5, ge=1, le=20)
    limit_seconds: int = Field(120, ge=10, le=600)


class Speech(Section):
    """The engine that turns voice messages into words; empty: people listen to them."""

    engine: Literal["", "faster-whisper"] = ""
    model: Path | None = None
    within_seconds: float = Field(15, gt=0, le=25)  # what it has not read by then is heard by a person

    @model_validator(mode="after")
    def _has_a_model(self) -> Self:
        if self.engine and self.model is None:
            raise ValueError("write the directory of its model into speech.model, or leave speech.engine empty")
        return self


class Elder(Section):
    """长辈版."""

    grid_worker_phone: bool = True  # whether residents may be told the grid worker's own number; else the community's


class Nlu(Section):
    """The reader and how sure it must be."""

    url: str = ""
    token: str = ""
    timeout_seconds: float = Field(4, gt=0)
    workers: int = Field(1, ge=1, le=16)
    act_above: float = Field(0.45, ge=0, le=1)
    ask_above: float = Field(0.20, ge=0, le=1)
    emergency_above: float = Field(0.5, ge=0, le=1)
    emergency_doubt_below: float = Field(0.02, ge=0, le=1)
    emergency_perhaps_above: float = Field(0.1, ge=0, le=1)
    same_above: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Nlu":
        if self.ask_above > self.act_above:
            raise ValueError("ask_above must not be greater than act_above")
        if self.emergency_doubt_below > self.emergency_above:
            raise ValueError("emergency_doubt_below must not be greater than emergency_above")
        return self

    @property
    def ear(self) -> Ear:
        """How net and reader decide upon danger."""
        return Ear(self.emergency_above, self.emergency_doubt_below, self.emergency_perhaps_above)


class Listening(Section):
    """How fragments become reports."""

    fragment_minutes: float = Field(5, gt=0)
    draft_minutes: float = Field(30, gt=0)
    duplicate_days: int = Field(30, ge=1)
    max_text: int = Field(4000, ge=100)


class ClockSetting(Section):
    """A span: amount, unit, and whether it counts worked time only."""

    amount: int = Field(ge=0)
    unit: Literal["minutes", "hours", "days"] = "days"
    calendar: Literal["calendar", "working"] = "calendar"

    def clock(self) -> Clock:
        """As the policy takes it."""
        return Clock(self.amount, self.unit, self.calendar)


def _span(amount: int, unit: Literal["minutes", "hours", "days"] = "days") -> ClockSetting:
    return ClockSetting(amount=amount, unit=unit)


class LadderSetting(Section):
    """All clocks of the ladder."""

    clocks: dict[Rung, ClockSetting]
    whole: ClockSetting = _span(15)
    confirm: ClockSetting = _span(2)
    judge: ClockSetting = _span(3)
    judge_again: ClockSetting = _span(4)
    supply: ClockSetting = _span(3)
    remind_before: ClockSetting = _span(6, "hours")
    remind_department: tuple[ClockSetting, ...] = (_span(2), _span(6, "hours"))
    alert: ClockSetting = _span(10, "minutes")
    chase: ClockSetting = _span(2)
    reopen_days: int = Field(30, ge=0)
    flag_refusals: int = Field(3, ge=1)
    flag_reopenings: int = Field(3, ge=1)
    secretary_after: int = Field(2, ge=1)
    answer_link: ClockSetting = _span(10)

    @field_validator("clocks")
    @classmethod
    def _every_rung(cls, clocks: dict[Rung, ClockSetting]) -> dict[Rung, ClockSetting]:
        missing = [rung.value for rung in Rung if rung not in clocks]
        if missing:
            raise ValueError(f"no clock for {', '.join(missing)}: add e.g. {missing[0]}: {{amount: 3, unit: days}}")
        return clocks


class RouteSetting(Section):
    """One row of the routing table."""

    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    estates: tuple[str, ...] = ()
    path: tuple[Rung, ...] = DEFAULT_PATH
    works_at: Rung = Rung.PROPERTY
    department: str = ""
    clocks: dict[Rung, ClockSetting] = {}

    @model_validator(mode="after")
    def _sound(self) -> "RouteSetting":
        unknown = sorted(set(self.categories) - set(REQUEST_INTENTS))
        if unknown:
            raise ValueError(f"unknown categories {', '.join(unknown)}; known are {', '.join(sorted(REQUEST_INTENTS))}")
        if self.works_at not in self.path:
            raise ValueError(f"works_at {self.works_at} is not in path: add it there or choose a rung that is")
        if list(self.path) != sorted(self.path, key=DEFAULT_PATH.index):
            raise ValueError(f"path must climb in this order: {', '.join(DEFAULT_PATH)}")
        return self

    def route(self) -> Route:
        """As the policy takes it."""
        return Route(
            frozenset(self.categories),
            self.words,
            frozenset(self.estates),
            self.path,
            self.works_at,
            self.department,
            {rung: setting.clock() for rung, setting in self.clocks.items()},
        )


class Quiet(Section):
    """The hours without unasked messages."""

    start: time = time(22, 0)
    end: time = time(7, 30)


class DigestSetting(Section):
    """When the weekly digest goes out."""

    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    at: time = time(9, 0)
    card: bool = True  # the community's digest comes with a picture
    font: str = ""  # a file with Chinese characters to draw it with; empty: the one that ships with us

    @property
    def iso_weekday(self) -> int:
        """1 is Monday."""
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        return days.index(self.weekday) + 1


class Privacy(Section):
    """How long personal data is kept."""

    expire_days: int = Field(365, ge=60)  # above reopening and "the same again", which look back 30 days


class Limits(Section):
    """How much one person may do; duty people far more. Danger is never limited."""

    in_demo: bool = False
    messages_per_minute: int = Field(20, ge=5)
    photos_per_hour: int = Field(30, ge=1)
    cases_per_day: int = Field(10, ge=1)
    staff_messages_per_minute: int = Field(200, ge=5)
    staff_photos_per_hour: int = Field(300, ge=1)
    staff_cases_per_day: int = Field(200, ge=1)
    requests_per_minute: int = Field(600, ge=60)

    def of(self, *, staff: bool) -> Allowance:
        """What a person may do."""
        if staff:
            return Allowance(self.staff_messages_per_minute, self.staff_photos_per_hour, self.staff_cases_per_day)
        return Allowance(self.messages_per_minute, self.photos_per_hour, self.cases_per_day)


class Scheduler(Section):
    """How often the timer knocks; what is due is in the database."""

    tick_seconds: float = Field(2, gt=0)


class Process(Section):
    """Which part of the work this process does, and how soon others do it when it is gone."""

    roles: tuple[ProcessRole, ...] = ALL
    take_over_seconds: float = Field(30, ge=3, le=600)

    @field_validator("roles")
    @classmethod
    def _something(cls, roles: tuple[ProcessRole, ...]) -> tuple[ProcessRole, ...]:
        if not roles:
            raise ValueError(f"a process must do something: name one or more of {', '.join(ProcessRole)}")
        return tuple(role for role in ProcessRole if role in roles)


class Staff(Section):
    """How staff join."""

    invitation_days: int = Field(7, ge=1)


class ConsoleSetting(Section):
    """The staff's pages."""

    enabled: bool = True
    url: str = ""
    hours: int = Field(12, ge=1, le=72)

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("write the whole address, e.g. https://xiaoshao.example, or leave it empty")
        return url.rstrip("/")


class Holidays(Section):
    """Days that override the published calendar."""

    days_off: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()


class Settings(BaseSettings):
    """Everything in config.yml. Frozen: trusted for as long as the process lives."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    server: Server = Field(default_factory=Server)  # not a value: its public_url would count as written by somebody
    database: Database = Database()
    storage: Path = Path("var")
    timezone: str = "Asia/Shanghai"
    demo: Demo = Demo()
    channels: Channels = Channels()
    nlu: Nlu = Nlu()
    voice: Voice = Voice()
    speech: Speech = Speech()
    elder: Elder = Elder()
    listening: Listening = Listening()
    ladder: LadderSetting
    routes: tuple[RouteSetting, ...]
    categories: dict[str, str]
    quiet_hours: Quiet = Quiet()
    no_news_hours: float = Field(72, ge=24)
    digest: DigestSetting = DigestSetting()
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    scheduler: Scheduler = Scheduler()
    process: Process = Process()
    staff: Staff = Staff()
    console: ConsoleSetting = ConsoleSetting()
    holidays: Holidays = Holidays()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("not a time zone of the IANA list; write e.g. Asia/Shanghai") from None
        return name

    @field_validator("categories")
    @classmethod
    def _all_categories(cls, names: dict[str, str]) -> dict[str, str]:
        missing, unknown = sorted(set(REQUEST_INTENTS) - set(names)), sorted(set(names) - set(REQUEST_INTENTS))
        if missing or unknown:
            raise ValueError(
                f"must name the NLU's request intents exactly; missing: {missing or 'none'}; "
                f"unknown: {unknown or 'none'}"
            )
        return names

    @field_validator("routes")
    @classmethod
    def _last_matches_all(cls, rows: tuple[RouteSetting, ...]) -> tuple[RouteSetting, ...]:
        if not rows or rows[-1].categories or rows[-1].words or rows[-1].estates:
            raise ValueError("the last row must match everything: end the table with e.g. {works_at: community}")
        return rows

    @model_validator(mode="after")
    def _kept_long_enough(self) -> "Settings":
        if self.privacy.expire_days < self.ladder.reopen_days + 30:
            raise ValueError(
                f"privacy.expire_days must be at least ladder.reopen_days + 30, that is {self.ladder.reopen_days + 30}: "
                "a case that can still be reopened, or counted as a repeat, is needed in full"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the file, which arrives as the init values."""
        assert isinstance(init_settings, InitSettingsSource)
        return env_settings, init_settings

    @property
    def zone(self) -> ZoneInfo:
        """The neighbourhood's time zone."""
        return ZoneInfo(self.timezone)

    def ladder_policy(self) -> Ladder:
        """Routes and clocks as the policy takes them."""
        setting = self.ladder
        return Ladder(
            routes=tuple(row.route() for row in self.routes),
            rung_clocks={rung: clock.clock() for rung, clock in setting.clocks.items()},
            whole=setting.whole.clock(),
            confirm=setting.confirm.clock(),
            judge=setting.judge.clock(),
            judge_again=setting.judge_again.clock(),
            supply=setting.supply.clock(),
            remind_before=setting.remind_before.clock(),
            remind_department=tuple(clock.clock() for clock in setting.remind_department),
            alert=setting.alert.clock(),
            chase=setting.chase.clock(),
            reopen_days=setting.reopen_days,
            flag_refusals=setting.flag_refusals,
            flag_reopenings=setting.flag_reopenings,
            secretary_after=setting.secretary_after,
            answer_link=setting.answer_link.clock(),
        )

    def doubtful_departments(self, directory: "Directory") -> list["DoubtfulDepartment"]:
        """The departments of the routing table that the directory does not have in every community.

        The table and the directory are two files that two people keep. A name that no community knows but that looks
        like one that is known is a slip of the pen: refused. Otherwise it is a warning: a village has no use for the
        town's parking bureau, and a community may not have entered all departments yet.
        """
        communities = directory.communities
        known = sorted({unit.name for one in communities for unit in directory.units_of(one.id, "department")})
        rows: dict[str, list[str]] = {}
        for number, row in enumerate(self.routes):
            if row.department:
                narrowed = ", ".join(row.categories or row.words or row.estates)
                rows.setdefault(row.department, []).append(f"routes.{number}.department ({narrowed})")
        doubtful = []
        for name, where in rows.items():
            without = tuple(one.name for one in communities if directory.department(one.id, name) is None)
            if without:
                nowhere = bool(known) and len(without) == len(communities)
                doubtful.append(DoubtfulDepartment(name, tuple(where), without, nowhere, tuple(known)))
        return doubtful

    @property
    def limited(self) -> bool:
        """Whether the limits hold. The demo's chairs are everybody's, and its clock jumps."""
        return self.limits.in_demo or not self.demo.enabled

    @property
    def console_url(self) -> str:
        """Where staff open the console: its own address, or that of the page."""
        return f"{self.console.url or self.server.public_url.rstrip('/')}/console"

    @property
    def live_model(self) -> Path:
        """The file that names the model in service, when it is not the shipped one."""
        return self.storage / "nlu" / "live"

    def quiet(self) -> QuietHours:
        """Quiet hours as the policy takes them."""
        return QuietHours(self.quiet_hours.start, self.quiet_hours.end)


@dataclass(frozen=True)
class DoubtfulDepartment:
    """A department that rows of the routing table name and that communities of the directory do not have."""

    name: str
    rows: tuple[str, ...]
    without: tuple[str, ...]
    nowhere: bool
    known: tuple[str, ...]

    @property
    def meant(self) -> str:
        """The known department that such a name looks like a misspelling of; empty when there is none."""
        near = process.extractOne(self.name, self.known, scorer=fuzz.partial_ratio, score_cutoff=_SLIP)
        return near[0] if self.nowhere and near else ""

    def __str__(self) -> str:
        """Where it is named, and where it is missing."""
        where = ", ".join(self.rows)
        if self.meant:
            return f"{where}: no community of the directory has a department {self.name}. Did you mean {self.meant}?"
        missing = "any community" if self.nowhere else "、".join(self.without)
        return (
            f"{where}: {self.name} is not in the directory of {missing}; "
            "there, the department that answers for the category takes its place."
        )


def refuse_unknown_departments(doubtful: "list[DoubtfulDepartment]") -> None:
    """Raises ConfigError for those that look misspelt."""
    if lines := [str(one) for one in doubtful if one.meant]:
        remedy = (
            "Write one of the directory's departments (a part of the name that people use is enough), enter the missing "
            "one in the directory and import it, or leave `department` out of the row. The directory has: "
        )
        raise ConfigError("\n".join([*lines, remedy + "、".join(next(d.known for d in doubtful if d.meant)) + "."]))


def load(path: Path = DEFAULT_CONFIG, **overrides: Any) -> Settings:
    """Read and check the configuration; `overrides` are whole sections or values that win over the file.

    Raises:
        ConfigError: naming each wrong key, what was found and what to write.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file. Start in the project's folder or give --config PATH.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text. Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: is not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must be a list of `key: value` sections; it is empty or something else.")
    if token := os.environ.get("TELEGRAM_BOT_TOKEN"):
        raw = _merged(raw, {"channels": {"telegram": {"token": token}}})
    if strange := _strange_variables():
        raise ConfigError("\n".join(strange))
    try:
        return Settings(**_merged(raw, overrides))
    except ValidationError as error:
        lines = [_sentence(path, detail) for detail in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    except SettingsError as error:
        raise ConfigError(_no_json(str(error))) from None


def _merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in top.items():
        out[key] = _merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


# ---- the environment


def _ours() -> dict[str, str]:
    """Variables that mean to set something: as people wrote them, by how they are compared."""
    return {name.upper(): name for name in os.environ if name.upper().startswith(PREFIX)}


def _variables(kind: Any, path: str) -> Iterator[str]:
    """Every variable that sets something below `path`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        below = {name: field.annotation for name, field in kind.model_fields.items()}
    elif get_origin(kind) is dict:
        of, value = get_args(kind)
        below = dict.fromkeys(list(of) if of is Rung else sorted(REQUEST_INTENTS), value)
    else:
        return
    for name, inner in below.items():
        yield (whole := f"{path}{name.upper()}")
        yield from _variables(inner, f"{whole}__")


def _strange_variables() -> list[str]:
    """A sentence for each variable that sets nothing: a mistyped one would otherwise be silently ignored."""
    known = list(_variables(Settings, PREFIX))
    said = []
    for compared, name in sorted(_ours().items()):
        if compared not in known:
            near = difflib.get_close_matches(compared, known, n=1)
            meant = f"Did you mean {near[0]}?" if near else "Write XIAOSHAO__SECTION__KEY with a key of config.yml."
            said.append(f"the environment variable {name} sets no key that exists. {meant}")
    return said


def _no_json(error: str) -> str:
    """A section or a list in the environment is written as JSON."""
    found = re.search(r'field "(\w+)"', error)
    whole = f"{PREFIX}{found[1].upper()}" if found else PREFIX
    names = ", ".join(name for compared, name in sorted(_ours().items()) if compared.startswith(whole)) or whole
    return f"the environment variable {names}: a section or a list must be JSON there. Or set it in config.yml."


def _sentence(path: Path, detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    variable = _ours().get(PREFIX + "__".join(str(part) for part in detail["loc"]).upper())
    match detail["type"]:
        case "extra_forbidden":
            said = "is not a key that exists here. Check its spelling against the comments in the shipped config.yml."
        case "missing":
            said = "is missing. Add it; the shipped config.yml shows how."
        case "value_error":
            said = str(detail["ctx"]["error"]) + "."
        case _:
            said = f"{detail['msg']}; found {detail['input']!r}."
    where = f"the environment variable {variable}" if variable else str(path)
    return f"{where}: {key}: {said}"
