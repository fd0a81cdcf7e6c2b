"""The doctor: a line for every check, each kind of trouble named with its remedy, and nothing changed by looking."""

import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text
from typer.testing import CliRunner

import bot.__main__ as command_line
from bot.clock import SystemClock
from bot.operating import doctor as checks
from bot.operating.doctor import Doctor, Finding
from bot.operating.engines import Postgres
from bot.settings import Settings
from tests.conftest import settings_for
from workflows.database import Database
from workflows.models import Case, Community, Inbound

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz12345"
ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
SUMMER = datetime(2026, 7, 1, 2, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def answering(**answers: Any) -> AsyncIterator[str]:
    """A server that answers every path that ends so with this JSON."""

    async def answer(request: web.Request) -> web.Response:
        said = answers.get(request.path.rpartition("/")[2])
        return web.json_response(said) if said is not None else web.Response(status=404, text="?")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def at(database_url: str, tmp_path: Path) -> Any:
    """Settings of a place with other values."""

    def made(**sections: Any) -> Settings:
        given: dict[str, Any] = {"server": {"port": free_port()}, "nlu": {"url": "http://127.0.0.1:9"}} | sections
        return settings_for(database_url, tmp_path / "var", **given)

    return made


async def examined(settings: Settings, now: datetime | None = None) -> list[Finding]:
    return await Doctor(settings, now or SystemClock().now()).examine()


async def found(settings: Settings, check: str, now: datetime | None = None) -> Finding:
    """The worst of what was found about this."""
    findings = [one for one in await examined(settings, now) if one.check == check]
    assert findings, check
    return max(findings, key=lambda one: ("ok", "warning", "error").index(one.state))


async def migrated(settings: Settings) -> None:
    database = Database(settings.database.url)
    await database.migrate()
    await database.close()


async def executed(settings: Settings, statement: str, **values: Any) -> None:
    database = Database(settings.database.url)
    async with database.writing() as session:
        await session.execute(text(statement), values)
    await database.close()


async def test_a_sound_place_has_nothing_to_mend(at: Any) -> None:
    async with answering(status={"model_id": "m1"}) as url:
        settings = at(nlu={"url": url})
        await migrated(settings)
        findings = await examined(settings, SystemClock().now())
    assert [str(one) for one in findings if one.state == "error"] == []
    seen = {one.check for one in findings}
    assert seen >= {
        "configuration", "database", "migrations", "clock", "nlu", "page", "telegram", "holidays", "disk", "storage"
    }  # fmt: skip
    assert [one.said for one in findings if one.check == "nlu"] == [f"{url} serves the model m1"]


@ON_SQLITE
async def test_looking_at_a_place_that_is_not_there_yet_makes_nothing(at: Any, tmp_path: Path) -> None:
    settings = at()
    database = await found(settings, "database")
    assert (database.state, "not there yet" in database.said) == ("warning", True)
    assert list(tmp_path.iterdir()) == []


# ---- database


@ON_SQLITE
async def test_a_damaged_file_is_named_with_the_way_back(at: Any, tmp_path: Path) -> None:
    (tmp_path / "town.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    database = await found(at(), "database")
    assert (database.state, "is damaged" in database.said, "xiaoshao restore" in database.remedy) == (
        "error",
        True,
        True,
    )


@ON_SQLITE
async def test_a_database_that_another_program_holds_is_named(
    at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PATIENCE_SECONDS", 0.2)
    settings = at()
    await migrated(settings)
    with closing(sqlite3.connect(tmp_path / "town.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database = await found(settings, "database")
    assert database.state == "error"
    assert "is another program holding it?" in database.remedy


async def test_a_server_that_is_away_is_named_and_the_other_checks_go_on(tmp_path: Path) -> None:
    settings = settings_for(
        f"postgresql+asyncpg://postgres@/x?host={tmp_path}", tmp_path / "var", nlu={"url": "http://127.0.0.1:9"}
    )
    findings = {one.check: one for one in await examined(settings)}
    assert findings["database"].state == "error"
    assert "check database.url" in findings["database"].remedy
    assert "disk" in findings


@ON_POSTGRES
async def test_missing_tools_for_the_backup_are_a_warning(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await found(at(), "backup")).state == "ok"
    monkeypatch.setattr(checks, "Postgres", lambda url: Postgres(url, list))
    backup = await found(at(), "backup")
    assert (backup.state, "postgresql-client-" in backup.remedy) == ("warning", True)


async def test_tables_of_another_time_are_named(at: Any) -> None:
    settings = at()
    database = Database(settings.database.url)
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        await session.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    await database.close()
    older = await found(settings, "migrations")
    assert (older.state, older.remedy) == ("warning", "make a backup; the next start brings them up")
    await executed(settings, "UPDATE alembic_version SET version_num = '9999'")
    newer = await found(settings, "migrations")
    assert (newer.state, "at 9999" in newer.said) == ("error", True)


# ---- clock and holidays


@ON_SQLITE
async def test_a_clock_that_was_set_back_is_seen_by_what_was_written_last(at: Any) -> None:
    settings, now = at(), SystemClock().now()
    await migrated(settings)
    database = Database(settings.database.url)
    async with database.writing() as session:
        session.add(
            Inbound(channel="web", update_key="1", chat_key="1", update={}, received_at=now + timedelta(hours=3))
        )
    await database.close()
    clock = await found(settings, "clock", now)
    assert (clock.state, "was set back" in clock.said) == ("error", True)
    await executed(settings, "INSERT INTO notes (key, value) VALUES ('demo.clock', :value)", value='{"seconds": 14400}')
    assert (await found(settings, "clock", now)).state == "ok"  # the demo's time machine is no fault


@ON_POSTGRES
async def test_a_clock_that_differs_from_the_servers_is_named(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = at()
    await migrated(settings)
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) - timedelta(seconds=30))
    clock = await found(settings, "clock")
    assert (clock.state, "differs by 30 s" in clock.said) == ("warning", True)


@ON_SQLITE
async def test_personal_data_that_should_be_gone_is_told(at: Any) -> None:
    settings = at()
    await migrated(settings)
    assert (await found(settings, "privacy")).state == "ok"
    now = SystemClock().now()
    database = Database(settings.database.url)
    async with database.writing() as session:
        session.add(Community(id=1, name="社区", code="SQ", kind="city"))
        await session.flush()
        for number, days in enumerate((300, 366, 368, 400)):  # 366: tonight's work
            at_ = now - timedelta(days=days)
            session.add(
                Case(
                    community_id=1, number=f"SQ{number}", category="heating", text="冷", status="solved", rung="property",
                    opened_at=at_, rung_started_at=at_, rung_due_at=at_, whole_due_at=at_, closed_at=at_,
                    touched_at=at_,
                )
            )  # fmt: skip
    await database.close()
    privacy = await found(settings, "privacy", now)
    assert (privacy.state, "2 closed cases are older" in privacy.said) == ("warning", True)


async def test_a_year_whose_holidays_are_not_published_is_told_in_time(at: Any) -> None:
    assert (await found(at(), "holidays", SUMMER)).state == "ok"
    future = datetime(checks._last_published(), 12, 20, tzinfo=UTC)
    late = await found(at(), "holidays", future)
    assert (late.state, f"{future.year + 1} not known" in late.said) == ("warning", True)
    own = at(holidays={"days_off": [f"{future.year + 1}-01-01"]})
    assert (await found(own, "holidays", future)).state == "ok"


# ---- NLU and channels


@ON_SQLITE
async def test_an_nlu_that_does_not_answer_is_an_error(at: Any) -> None:
    nlu = await found(at(), "nlu")
    assert (nlu.state, "people report by menu" in nlu.remedy) == ("error", True)


@ON_SQLITE
async def test_each_part_of_our_own_nlu_is_looked_at(at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = at(nlu={"url": ""})
    python, model = tmp_path / "python", tmp_path / "nlu.tar.gz"
    monkeypatch.setattr(checks, "rasa_python", lambda: python)
    monkeypatch.setattr(checks, "DEFAULT_MODEL", model)
    assert (await found(settings, "nlu")).remedy == "make setup"
    python.touch()
    assert (await found(settings, "nlu")).remedy == "make train"
    model.write_bytes(b"no model")
    assert "Run `make train`" in (await found(settings, "nlu")).remedy
    monkeypatch.setattr(checks, "refuse_wrong", lambda _: None)
    assert (await found(settings, "nlu")).state == "ok"
    (tmp_path / "nlu.fingerprint").write_text("of yesterday\n")
    old = await found(settings, "nlu")
    assert (old.state, old.remedy) == ("warning", "make train")
    settings.live_model.parent.mkdir(parents=True)
    settings.live_model.write_text("/gone.tar.gz\n")
    assert "is gone: /gone.tar.gz" in (await found(settings, "nlu")).said


@ON_SQLITE
async def test_telegrams_token_is_tried(at: Any) -> None:
    def telegram(base: str, **values: Any) -> Any:
        return at(channels={"telegram": {"token": TOKEN, "api_base": base, **values}})

    assert (await found(telegram("http://127.0.0.1:9", token="no token"), "telegram")).state == "error"
    away = await found(telegram("http://127.0.0.1:9"), "telegram")
    assert (away.state, TOKEN in str(away)) == ("warning", False)
    async with answering(getMe={"ok": False, "description": "Unauthorized"}, getWebhookInfo={"ok": False}) as base:
        wrong = await found(telegram(base), "telegram")
        assert (wrong.state, "Unauthorized" in wrong.said) == ("error", True)
    hook = {"ok": True, "result": {"last_error_message": "Connection refused"}}
    async with answering(getMe={"ok": True, "result": {"username": "xs_bot"}}, getWebhookInfo=hook) as base:
        assert (await found(telegram(base), "telegram")).said == "@xs_bot by polling"
        webhook = telegram(base, mode="webhook", webhook_secret="a-secret-of-16-letters")
        assert "Connection refused" in (await found(webhook, "telegram")).said
        local = await found(webhook, "webhook")
        assert (local.state, "https" in local.remedy) == ("error", True)


@ON_SQLITE
async def test_a_port_that_another_program_has_is_an_error_and_our_own_is_none(at: Any) -> None:
    ready = {"ready": True, "database": "ok", "nlu": "ok", "courier_lag_seconds": 0.0}
    async with answering(readyz=ready) as url:
        page = await found(at(server={"port": int(url.rpartition(":")[2])}), "page")
        assert (page.state, "小哨 runs at" in page.said) == ("ok", True)
    async with answering() as url:
        page = await found(at(server={"port": int(url.rpartition(":")[2])}), "page")
        assert (page.state, "is taken" in page.said) == ("error", True)


@ON_SQLITE
async def test_a_demo_that_others_can_reach_is_a_warning(at: Any) -> None:
    assert "demo" not in {one.check for one in await examined(at())}
    assert (await found(at(server={"host": "0.0.0.0", "port": free_port()}), "demo")).state == "warning"


# ---- storage


@ON_SQLITE
async def test_disk_and_permissions(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = at(demo={"enabled": False})
    settings.storage.mkdir(mode=0o755)
    assert (await found(settings, "storage")).remedy == f"chmod 750 {settings.storage}"
    settings.storage.chmod(0o750)
    key = settings.storage / "secret.key"
    key.touch(mode=0o644)
    assert (await found(settings, "storage")).remedy == f"chmod 600 {key}"
    key.chmod(0o600)
    assert (await found(settings, "storage")).state == "ok"
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    assert (await found(settings, "storage")).state == "error"
    usage = type("Usage", (), {"free": 300 << 20})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    disk = await found(settings, "disk")
    assert (disk.state, "0.3 GB free" in disk.said) == ("warning", True)


# ---- the command


@pytest.fixture
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.logging.configure", lambda _level: None)
    monkeypatch.setenv("XIAOSHAO__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("XIAOSHAO__STORAGE", str(tmp_path / "var"))
    monkeypatch.setenv("XIAOSHAO__NLU__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("XIAOSHAO__SERVER__PORT", "0")


@pytest.mark.usefixtures("_alone")
def test_the_command_prints_a_line_a_check_or_json_and_fails_on_an_error() -> None:
    plain = CliRunner().invoke(command_line.cli, ["doctor"])
    assert plain.exit_code == 1  # no NLU
    assert "error    nlu" in plain.output
    told = CliRunner().invoke(command_line.cli, ["doctor", "--json"])
    said = json.loads(told.stdout)
    assert (told.exit_code, said["ok"]) == (1, False)
    assert len(said["checks"]) == len(plain.output.splitlines())
    assert set(said["checks"][0]) == {"check", "state", "said", "remedy"}


@pytest.mark.usefixtures("_alone")
def test_a_configuration_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("server: {prot: 1}\n", encoding="utf-8")
    told = CliRunner().invoke(command_line.cli, ["doctor", "--json", "--config", str(tmp_path / "config.yml")])
    said = json.loads(told.stdout)
    assert told.exit_code == 1
    assert {one["check"] for one in said["checks"]} == {"configuration"}
    assert any("server.prot" in one["said"] for one in said["checks"])


@pytest.mark.usefixtures("_alone")
def test_backup_and_restore_are_commands_that_say_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command_line.cli, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, " ".join(done.output.split())

    file = str(tmp_path / "x.backup")
    code, words = said("backup", file)
    assert (code, "there is no database yet" in words) == (1, True)
    assert said("directory", "import", "workflows/demo/hohhot.yml")[0] == 0
    code, words = said("backup", file)
    assert (code, f"written: {file}" in words, "0 cases" in words) == (0, True, True)
    code, words = said("restore", file)
    assert (code, "--overwrite" in words) == (1, True)
    monkeypatch.setenv("XIAOSHAO__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'new' / 'own.db'}")
    code, words = said("restore", file)
    assert (code, f"restored: {file}" in words) == (0, True)
    assert (tmp_path / "new" / "own.db").is_file()
