"""Is everything as it should be? One line per check, with what to do; nothing is changed by looking."""

import asyncio
import importlib.util
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import chinese_calendar
import httpx
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import SystemClock
from bot.http import CannotListen, listening
from bot.operating import revisions
from bot.operating.archive import SECRET, BackupRefused
from bot.operating.engines import Postgres, opened
from bot.pictures.font import NoFont, typeface
from bot.settings import Settings, address
from nlu.rasa_client import DEFAULT_MODEL, RASA_PROJECT, RasaClient, rasa_python
from nlu.rasa_pool import WrongModel, refuse_wrong
from nlu.speech import trouble
from nlu.understanding import NluUnavailable
from workflows.database import Database
from workflows.directory import Directory
from workflows.expiry import Expiry, Keeping
from workflows.models import CaseEvent, Inbound

State = Literal["ok", "warning", "error"]

OLDEST_SQLITE = (3, 35)  # RETURNING
OLDEST_POSTGRES = 13
DRIFT_WARNING, DRIFT_ERROR = timedelta(seconds=2), timedelta(seconds=60)
HOLIDAYS_AHEAD = timedelta(days=45)  # no clock of the shipped ladder reaches further
PATIENCE_SECONDS = 5.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_UNWRITABLE = "make the file and its folder writable; is another program holding it?"
_MB = 1 << 20
_DISK_WARNING, _DISK_ERROR = 2048 * _MB, 200 * _MB
_QUICK_CHECK_UP_TO = 512 * _MB


@dataclass(frozen=True)
class Finding:
    """What one look has shown; `remedy` says what to do, and is empty when nothing has to be done."""

    check: str
    state: State
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line."""
        return f"{self.state:8} {self.check:14} {self.said}" + (f"  → {self.remedy}" if self.remedy else "")


class Doctor:
    """Looks at one installation, from outside: the product may run or not."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._now = now
        self._sqlite = make_url(settings.database.url).get_backend_name() == "sqlite"

    async def examine(self) -> list[Finding]:
        """Everything, in the order in which it should be mended."""
        found = [Finding("configuration", "ok", "every key is known and every value fits"), *self._openness()]
        found += self._sqlite_file() if self._sqlite else []
        there = not any(one.check == "database" for one in found)
        if there:
            found += await self._database()
        looks: list[Callable[[], Awaitable[list[Finding]]]] = [self._nlu, self._page, self._telegram]
        for part in await asyncio.gather(*(look() for look in looks)):
            found += part
        return [*found, *self._pictures(), *self._speech(), *self._holidays(), *self._storage()]

    # ---- configuration

    def _openness(self) -> Iterator[Finding]:
        server = self._settings.server
        alone = server.host in _LOOPBACK and server.public_url == address(server.host, server.port)
        if self._settings.demo.enabled and not alone:
            yield Finding(
                "demo", "warning", "the demo is on and others can reach the page: everybody may sit in every chair",
                "set demo.enabled: false and import your directory",
            )  # fmt: skip

    def _routes(self, directory: Directory) -> Iterator[Finding]:
        doubtful = self._settings.doubtful_departments(directory) if directory.communities else []
        for one in doubtful:
            remedy = "write a department of the directory; 小哨 does not start with this" if one.meant else ""
            yield Finding("routes", "error" if one.meant else "warning", str(one), remedy)
        if directory.communities and not doubtful:
            yield Finding("routes", "ok", "every department that routes name is in the directory")

    def _pictures(self) -> Iterator[Finding]:
        """Whether the digest can be drawn. Its text goes out in any case."""
        setting = self._settings.digest
        if not setting.card:
            yield Finding("pictures", "ok", "off: digests go out as text")
            return
        try:
            face = typeface(setting.font)
        except NoFont as missing:
            said, remedy = _in_one_line(str(missing))
            yield Finding("pictures", "warning", f"digests go out without pictures: {said}", f"digest.font: {remedy}")
        else:
            yield Finding("pictures", "ok", f"drawn with {face.name}")

    # ---- the database

    def _sqlite_file(self) -> list[Finding]:
        """What would keep us from looking further, without making the file by looking."""
        name = make_url(self._settings.database.url).database or ""
        path = Path(name)
        if not name or name == ":memory:":
            return [Finding("database", "error", "is in memory: everything is lost at a stop", "name a file")]
        if not path.exists():
            return [Finding("database", "warning", f"{path} is not there yet", "`xiaoshao run` makes it at its start")]
        try:
            with closing(opened(path, PATIENCE_SECONDS)) as file:
                file.execute("BEGIN IMMEDIATE")
                file.execute("ROLLBACK")
                if path.stat().st_size < _QUICK_CHECK_UP_TO:
                    said = file.execute("PRAGMA quick_check(1)").fetchone()[0]
                    if said != "ok":
                        return [_damaged(path, said)]
        except sqlite3.OperationalError as error:
            return [Finding("database", "error", f"cannot be written: {path}: {error}", _UNWRITABLE)]
        except sqlite3.DatabaseError as error:
            return [_damaged(path, str(error))]
        return []

    async def _database(self) -> list[Finding]:
        database = Database(self._settings.database.url)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS * 4), database.writing() as session:
                found = [*await self._server(session), *await self._tables(session)]
                await session.rollback()
        except (OSError, TimeoutError, SQLAlchemyError) as error:
            cause = getattr(error, "orig", None) or error
            said = (str(cause) or type(cause).__name__).splitlines()[0]
            remedy = _UNWRITABLE if self._sqlite else (
                "check database.url, that the server runs and that the database exists"
            )  # fmt: skip
            return [Finding("database", "error", f"cannot be reached or written: {said}", remedy)]
        finally:
            await database.close()
        return found

    async def _server(self, session: AsyncSession) -> list[Finding]:
        if self._sqlite:
            version = sqlite3.sqlite_version
            if sqlite3.sqlite_version_info < OLDEST_SQLITE:
                return [
                    Finding("database", "error", f"SQLite {version} is too old", "use a newer Python: 3.35 is needed")
                ]
            return [Finding("database", "ok", f"SQLite {version}, readable and writable")]
        number = int((await session.execute(text("SHOW server_version_num"))).scalar_one())
        version = f"{number // 10000}.{number % 10000}"
        if number // 10000 < OLDEST_POSTGRES:
            remedy = f"upgrade to PostgreSQL {OLDEST_POSTGRES} or newer"
            return [Finding("database", "error", f"PostgreSQL {version} is no longer looked after", remedy)]
        fit = "SELECT current_setting('transaction_read_only') = 'off' AND has_schema_privilege(current_schema(), 'CREATE')"
        if not (await session.execute(text(fit))).scalar_one():
            remedy = "name the primary, and let the user CREATE in the schema"
            return [Finding("database", "error", f"PostgreSQL {version} does not let us write", remedy)]
        return [
            Finding("database", "ok", f"PostgreSQL {version}, readable and writable"),
            self._dump_tools(number // 10000),
        ]

    def _dump_tools(self, major: int) -> Finding:
        try:
            tools = Postgres(self._settings.database.url).tools_from(major)
        except BackupRefused as refusal:
            return Finding("backup", "warning", *_in_one_line(str(refusal)))
        return Finding("backup", "ok", f"pg_dump {tools.major} in {tools.folder}")

    async def _tables(self, session: AsyncSession) -> list[Finding]:
        """The rest of what the database can tell, as far as its tables allow."""
        known = revisions.known()
        there = await (await session.connection()).run_sync(lambda c: c.dialect.has_table(c, "alembic_version"))
        at = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar() if there else None
        if at is None:
            return [
                Finding("migrations", "warning", "there are no tables yet", "`xiaoshao run` makes them at its start")
            ]
        if at not in known:
            remedy = "install the version that made it, or restore an older backup"
            return [Finding("migrations", "error", f"the tables are at {at}, this program knows {known[-1]}", remedy)]
        if at != known[-1]:
            remedy = "make a backup; the next start brings them up"
            return [Finding("migrations", "warning", f"the tables are at {at}, this program at {known[-1]}", remedy)]
        found = [Finding("migrations", "ok", f"the tables are at {at}, the newest")]
        found += [*self._routes(await Directory.load(session)), await self._privacy(session)]
        return [*found, await self._clock(session)]

    async def _privacy(self, session: AsyncSession) -> Finding:
        """What should have been cleared away by now. A night's work may be waiting; several nights' is not."""
        setting = self._settings
        late = Keeping(setting.privacy.expire_days + 2, setting.storage, setting.zone)
        waiting = await Expiry(session, self._now, late).waiting()
        said = f"personal data is kept for {setting.privacy.expire_days} days after a case was closed"
        if waiting:
            remedy = "let 小哨 run over night: it clears them away from 3:30 on"
            return Finding("privacy", "warning", f"{said}; {waiting} closed cases are older", remedy)
        return Finding("privacy", "ok", said)

    # ---- the clock

    async def _clock(self, session: AsyncSession) -> Finding:
        """Against the server's clock, and against what was written last: a clock that was set back is seen by that."""
        clock, zone = SystemClock(), self._settings.zone
        await clock.restore(session)
        moment = f"{self._now.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
        if clock.offset:
            moment += f" (the demo's clock is {clock.offset} ahead)"
        if not self._sqlite:
            server = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
            drift = abs(server - SystemClock().now())
            if drift > DRIFT_WARNING:
                state: State = "error" if drift > DRIFT_ERROR else "warning"
                said = f"{moment}; the database's clock differs by {drift.total_seconds():.0f} s"
                return Finding("clock", state, said, "keep both machines in time with NTP (chrony, systemd-timesyncd)")
        newest = [
            moment_
            for column in (Inbound.received_at, CaseEvent.at)
            if (moment_ := (await session.execute(select(func.max(column)))).scalar()) is not None
        ]
        ahead = max(newest, default=self._now) - (self._now + clock.offset)
        if ahead > DRIFT_ERROR:
            said = f"{moment}, but the newest entry is from {ahead} later: the clock was set back"
            return Finding(
                "clock", "error", said, "set the machine's clock right: deadlines wait until it has caught up"
            )
        return Finding("clock", "ok", moment)

    # ---- the NLU

    async def _nlu(self) -> list[Finding]:
        setting = self._settings.nlu
        if setting.url:
            try:
                async with RasaClient(setting.url, setting.token, timeout_seconds=PATIENCE_SECONDS) as client:
                    model = await client.model_id()
            except NluUnavailable as error:
                remedy = "check nlu.url and nlu.token and start Rasa there; until then people report by menu"
                return [Finding("nlu", "error", f"{setting.url}: {error}", remedy)]
            return [Finding("nlu", "ok", f"{setting.url} serves the model {model}")]
        return [await asyncio.to_thread(self._own_nlu)]

    def _own_nlu(self) -> Finding:
        if not rasa_python().is_file():
            return Finding("nlu", "error", f"Rasa's environment is missing: {rasa_python()}", "make setup")
        pointer = self._settings.live_model
        own = Path(pointer.read_text("utf-8").strip()) if pointer.is_file() else None
        if own is not None and not own.is_file():
            remedy = (
                f"restore it, `xiaoshao nlu train` and `publish`, or remove {pointer}; the shipped one serves meanwhile"
            )
            return Finding("nlu", "error", f"the model that was put into service is gone: {own}", remedy)
        model = own or DEFAULT_MODEL
        if not model.is_file():
            return Finding("nlu", "error", f"there is no model: {model}", "make train")
        try:
            refuse_wrong(model)
        except (WrongModel, NluUnavailable) as refusal:
            return Finding("nlu", "error", *_in_one_line(str(refusal)))
        if own is None and (made := _made_from()) is not None and made != _fingerprint():
            return Finding("nlu", "warning", "the model is older than what it is made from", "make train")
        return Finding("nlu", "ok", f"Rasa's environment and the model {model.name} are there")

    def _speech(self) -> Iterator[Finding]:
        setting = self._settings.speech
        if not setting.engine:
            return
        found = trouble(setting.engine, setting.model)
        if found is None:
            yield Finding("speech", "ok", f"{setting.engine} and its model {setting.model} are there")
        else:
            said, remedy = found
            yield Finding("speech", "warning", f"{said}; people listen to voice messages meanwhile", remedy)

    # ---- the channels

    async def _page(self) -> list[Finding]:
        server = self._settings.server
        where = address(server.host, server.port)
        if server.port:
            with suppress(httpx.HTTPError, ValueError, KeyError):
                async with _client() as client:
                    answer = (await client.get(f"{where}/readyz")).json()
                said = f"小哨 runs at {where}; NLU: {answer['nlu']}; delivery lags {answer['courier_lag_seconds']} s"
                if answer["ready"]:
                    return [Finding("page", "ok", said)]
                return [Finding("page", "error", f"{said}; not ready", "see its log")]
        try:
            with listening(server.host, server.port):
                return [Finding("page", "ok", f"{where} is free; 小哨 does not run there")]
        except CannotListen as refusal:
            return [Finding("page", "error", *_in_one_line(str(refusal)))]

    async def _telegram(self) -> list[Finding]:
        setting = self._settings.channels.telegram
        if setting.how == "off":
            return [Finding("telegram", "ok", "off")]
        from aiogram.utils.token import TokenValidationError, validate_token

        try:
            validate_token(setting.token)
        except TokenValidationError:
            remedy = "copy it from @BotFather; it looks like 123456789:AAE…"
            return [Finding("telegram", "error", "the token is not a bot token", remedy)]
        return [*self._webhook_address(), *await self._get_me()]

    def _webhook_address(self) -> Iterator[Finding]:
        if self._settings.channels.telegram.how != "webhook":
            return
        server = self._settings.server
        public = urlsplit(server.public_url)
        if public.scheme != "https" or public.hostname in _LOOPBACK:
            yield Finding(
                "webhook", "error", f"Telegram cannot send to {server.public_url}",
                "set server.public_url to the https address that leads here from outside",
            )  # fmt: skip
        if len(self._settings.channels.telegram.webhook_secret) < 16:
            yield Finding("webhook", "warning", "webhook_secret is short", "write 16 or more letters and digits")

    async def _get_me(self) -> list[Finding]:
        setting = self._settings.channels.telegram
        base = f"{setting.api_base.rstrip('/')}/bot{setting.token}"
        try:
            async with _client() as client:
                answer = (await client.get(f"{base}/getMe")).json()
                hook = (await client.get(f"{base}/getWebhookInfo")).json().get("result", {})
            name = f"@{answer['result']['username']}" if answer["ok"] else ""
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            remedy = "check the way to the outside, or set channels.telegram.api_base to a Bot API server that is near"
            return [
                Finding("telegram", "warning", f"{setting.api_base} gives no answer: {type(error).__name__}", remedy)
            ]
        if not name:
            said = f"Telegram does not accept the token: {answer.get('description', '?')}"
            return [Finding("telegram", "error", said, "get a valid one from @BotFather (/token)")]
        if setting.how == "webhook" and hook.get("last_error_message"):
            said = f"{name}, but its last call here failed: {hook['last_error_message']}"
            return [Finding("telegram", "warning", said, "look at server.public_url and what forwards it to us")]
        return [Finding("telegram", "ok", f"{name} by {setting.how}")]

    # ---- holidays and storage

    def _holidays(self) -> Iterator[Finding]:
        today = self._now.astimezone(self._settings.zone).date()
        own = {day.year for day in (*self._settings.holidays.days_off, *self._settings.holidays.workdays)}
        missing = sorted(
            year for year in {today.year, (today + HOLIDAYS_AHEAD).year} if year not in own and not _published(year)
        )
        if missing:
            years = " and ".join(str(year) for year in missing)
            yield Finding(
                "holidays", "warning", f"{years} not known: working days count as Monday to Friday",
                "once the notice is out, update the package chinesecalendar or write the days into config.yml (holidays)",
            )  # fmt: skip
        else:
            yield Finding("holidays", "ok", f"known until {max(_last_published(), *own, 0)}")

    def _storage(self) -> Iterator[Finding]:
        storage = self._settings.storage
        there = next(folder for folder in (storage, *storage.absolute().parents) if folder.is_dir())
        for folder in {there, *self._database_folder()}:
            usage = shutil.disk_usage(folder)
            said = f"{usage.free / _MB / 1024:.1f} GB free at {folder}"
            if usage.free < _DISK_WARNING:
                state: State = "error" if usage.free < _DISK_ERROR else "warning"
                yield Finding("disk", state, said, "make room, or move storage or the database to a larger disk")
            else:
                yield Finding("disk", "ok", said)
        locked = [path for path in (there, storage / "photos", storage / SECRET) if path.exists() and not _ours(path)]
        if locked:
            names = ", ".join(str(path) for path in locked)
            yield Finding("storage", "error", f"not readable and writable for us: {names}", f"chown -R them to {_me()}")
        elif (storage / SECRET).exists() and (storage / SECRET).stat().st_mode & 0o077:
            yield Finding("storage", "error", f"others can read {storage / SECRET}", f"chmod 600 {storage / SECRET}")
        elif not self._settings.demo.enabled and storage.exists() and storage.stat().st_mode & 0o007:
            said = f"every user of this machine can look into {storage}, where residents' photos are"
            yield Finding("storage", "warning", said, f"chmod 750 {storage}")
        else:
            yield Finding(
                "storage", "ok", f"{storage} is ours to write" if storage.exists() else f"{storage} is made at start"
            )

    def _database_folder(self) -> Iterator[Path]:
        """Where SQLite's file grows, when that is another disk than the storage's."""
        name = make_url(self._settings.database.url).database if self._sqlite else None
        folder = Path(name).parent if name else None
        storage = self._settings.storage
        if (
            folder is not None
            and folder.is_dir()
            and storage.is_dir()
            and folder.stat().st_dev != storage.stat().st_dev
        ):
            yield folder


def _damaged(path: Path, said: str) -> Finding:
    return Finding("database", "error", f"{path} is damaged: {said}", "stop 小哨 and `xiaoshao restore` a backup")


def _in_one_line(refusal: str) -> tuple[str, str]:
    """What is wrong, and what to do: our sentences say it in this order."""
    first, *rest = " ".join(refusal.split()).split(". ", 1)
    return first, rest[0] if rest else ""


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False)


def _published(year: int) -> bool:
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True


def _last_published() -> int:
    return int(max(chinese_calendar.constants.workdays).year)


def _made_from() -> str | None:
    with suppress(OSError):
        return (DEFAULT_MODEL.parent / "nlu.fingerprint").read_text("utf-8").strip()
    return None


def _fingerprint() -> str:
    """As the set-up takes it: Rasa's project is no package of ours."""
    specification = importlib.util.spec_from_file_location("fingerprint", RASA_PROJECT / "fingerprint.py")
    assert specification is not None
    assert specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return str(module.fingerprint(RASA_PROJECT))


def _ours(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0))


def _me() -> str:
    import getpass

    return getpass.getuser()
