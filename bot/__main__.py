"""The command line `xiaoshao`."""

import asyncio
import json
import os
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.processes.roles import ProcessRole
from bot.settings import DEFAULT_CONFIG, ConfigError, Settings, load, refuse_unknown_departments
from bot.settings import address as address_of

if TYPE_CHECKING:
    import socket

    from bot.learning import Learning
    from nlu.understanding import Understander
    from workflows.directory import Directory
    from workflows.directory_file.register import Register
    from workflows.refusals import Refused

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="小哨 Xiaoshao: the neighbourhood's assistant.",
)
directory_cli = typer.Typer(no_args_is_help=True, help="The directory of places, people and units.")
cli.add_typer(directory_cli, name="directory")
nlu_cli = typer.Typer(no_args_is_help=True, help="The reader learns from what people put right.")
cli.add_typer(nlu_cli, name="nlu")

Config = Annotated[Path, typer.Option("--config", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
File = Annotated[Path, typer.Argument(help="The file to read.")]


def main() -> None:
    """Entry point of the command `xiaoshao`."""
    cli()


def _settings(config: Path, **overrides: Any) -> Settings:
    from bot.logging import configure

    configure(os.environ.get("XIAOSHAO_LOG_LEVEL", "INFO"))
    try:
        return load(config, **overrides)
    except ConfigError as error:
        _stop(str(error))


def _stop(message: str, code: int = 2) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """Do it; an NLU that can't serve ends the command with the remedy."""
    from nlu.rasa_pool import WrongModel
    from nlu.understanding import NluUnavailable

    try:
        if sys.platform == "linux":
            import uvloop

            return uvloop.run(work)
        return asyncio.run(work)
    except (NluUnavailable, WrongModel) as refusal:
        _stop(str(refusal))


@asynccontextmanager
async def _reader(settings: Settings) -> "AsyncIterator[Understander]":
    """The NLU alone: the configured server, or a child started for this command and stopped after it."""
    from nlu.rasa_client import RasaClient
    from nlu.rasa_pool import RasaPool

    if settings.nlu.url:
        async with RasaClient(settings.nlu.url, settings.nlu.token) as client:
            yield client
        return
    log_file = settings.storage / "log" / "rasa.log"
    async with RasaPool(pointer=settings.live_model, log_file=log_file, timeout_seconds=20.0) as pool:
        typer.echo("starting the NLU …", err=True)
        await pool.wait_until_ready()
        yield pool


Roles = Annotated[
    list[ProcessRole] | None,
    typer.Option("--role", help="What this process does; may be given several times. Left out: process.roles."),
]


@cli.command()
def run(config: Config = DEFAULT_CONFIG, open_page: bool = False, role: Roles = None) -> None:
    """Serve the chat page, and Telegram when a token is set, until stopped."""
    settings = _settings(config)
    if role:
        chosen = settings.process.model_copy(update={"roles": tuple(one for one in ProcessRole if one in role)})
        settings = settings.model_copy(update={"process": chosen})

    async def work() -> None:
        import gc

        from bot.app import App
        from bot.operating.stopping import listening_for_stop, serve

        with _sockets(settings) as sockets, listening_for_stop() as stop:
            app = App(settings)
            async with app.running():
                _greet(settings, sockets, open_page)
                gc.collect()
                gc.freeze()
                await (serve(app.http, sockets, stop) if sockets else stop.asked())
        raise typer.Exit(stop.exit_code)

    from bot.http import CannotListen
    from bot.processes.roles import NotAlone
    from workflows.directory_file import DirectoryFileError

    try:
        _wait_for(work())
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
    except ConfigError as error:
        _stop("\n".join(f"{config}: {line}" for line in str(error).splitlines()))
    except DirectoryFileError as error:
        _stop(f"{config}: demo.directory: {settings.demo.directory} cannot be used:\n{error}")
    except (CannotListen, NotAlone) as error:
        _stop(str(error), 1)
    except OSError as error:
        _stop(f"cannot start: {error}", 1)


@contextmanager
def _sockets(settings: Settings) -> "Iterator[list[socket.socket]]":
    """The page's, where this process serves it; taken first, for whoever cannot be served should learn it first."""
    from bot.http import listening

    if ProcessRole.WEB not in settings.process.roles:
        yield []
        return
    with listening(settings.server.host, settings.server.port) as sockets:
        yield sockets


def _greet(settings: Settings, sockets: "list[socket.socket]", open_page: bool) -> None:
    if set(settings.process.roles) != set(ProcessRole):
        typer.echo(f"This process does: {', '.join(settings.process.roles)}   (Ctrl-C stops it)")
    if not sockets:
        return
    address = address_of(settings.server.host, sockets[0].getsockname()[1])
    typer.echo(f"小哨 is at {address}   (Ctrl-C stops it)")
    if not settings.server.reachable_from_outside:
        typer.echo(f"Invitation links lead to {address}: set server.public_url to what others open.")
    if settings.channels.telegram.how == "off":
        typer.echo("Telegram is off: set TELEGRAM_BOT_TOKEN to turn it on.")
    if open_page:
        webbrowser.open(address)


@cli.command()
def evaluate(file: File, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Measure the NLU alone, reader and safety net, on labelled messages (JSONL)."""
    from nlu import evaluation

    settings = _settings(config)
    try:
        lines = evaluation.read_lines(file)  # before the NLU is started: a slip in the file should not cost a minute
    except evaluation.EvaluationError as error:
        _stop(str(error))

    async def work() -> dict[str, Any]:
        from nlu.danger import Guarded

        async with _reader(settings) as reader:
            return await evaluation.evaluate(lines, Guarded(reader, settings.nlu.ear))

    result = _wait_for(work())
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    for key in ("n", "accuracy", "macro_f1", "also_recall", "also_false_rate", "entity_f1", "latency_ms"):
        typer.echo(f"{key:16} {result[key]}")
    worst = sorted(result["per_label"].items(), key=lambda item: item[1]["f1"])[:10]
    typer.echo("weakest: " + ", ".join(f"{label} {values['f1']:.2f}" for label, values in worst))


@cli.command()
def same(file: File, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Are these two reports one problem? Measured on pairs (JSONL)."""
    from bot.same import PairsError, judge_pairs, read_pairs

    settings = _settings(config)
    try:
        pairs = read_pairs(file)
    except PairsError as error:
        _stop(str(error))

    async def work() -> dict[str, Any]:
        async with _reader(settings) as reader:
            return await judge_pairs(settings, pairs, reader)

    result = _wait_for(work())
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else f"n {result['n']}\naccuracy {result['accuracy']}")


@cli.command()
def replay(file: File, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Play conversations through the real dispatcher and Rasa, each on a throw-away database."""
    from bot import replay as player

    settings = _settings(config)
    try:
        scripts = player.read_scripts(file)
    except player.ReplayError as error:
        _stop(str(error))

    async def work() -> None:
        async with _reader(settings) as reader:
            async for played in player.replay(settings, scripts, reader):
                typer.echo(json.dumps(played, ensure_ascii=False) if as_json else _told(played))

    try:
        _wait_for(work())
    except player.ReplayError as error:
        _stop(str(error))


def _told(played: dict[str, Any]) -> str:
    lines = [f"== {played['id']}"]
    for act, said in zip(played["acts"], played["replies"], strict=True):
        lines.append(f"[{act}]")
        lines += [f"  {line}" for text in said for line in text.splitlines()]
    lines += [f"  → {case}" for case in played["cases"]]
    return "\n".join(lines)


@cli.command()
def simulate(
    days: Annotated[int, typer.Option(min=1)] = 30,
    residents: Annotated[int, typer.Option(min=1)] = 200,
    seed: int = 1,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """A made-up season on a simulated clock; prints the digest's measures and checks the promises."""
    settings = _settings(config)

    async def work() -> dict[str, Any]:
        from bot.simulation import simulate as season

        def progress(day: int) -> None:
            typer.echo(f"\rday {day}/{days}", nl=False, err=True)

        return await season(settings, days, residents, seed, None if as_json else progress)

    result: dict[str, Any] = _wait_for(work())
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        typer.echo("", err=True)
        for key, value in result.items():
            typer.echo(f"{key:22} {value}")
    if result["without_holder"] or result["without_clock"] or not result["digest_equals_recount"]:
        raise typer.Exit(1)


@cli.command()
def digest(
    preview: Annotated[str, typer.Option("--preview", help="resident, grid, property, community or department")],
    config: Config = DEFAULT_CONFIG,
    week: Annotated[str, typer.Option(help="e.g. 2026-W48; this week when left out")] = "",
) -> None:
    """Show what a weekly digest would say now, without sending it."""
    from workflows.digest import Audience, Week

    settings = _settings(config)
    if preview not in list(Audience):
        _stop(f"--preview {preview}: no such audience; write one of {', '.join(Audience)}")
    try:
        wanted = Week.parse(week, settings.zone) if week else None
        if wanted:
            wanted.previous(), wanted.end  # the calendar ends somewhere
    except (ValueError, OverflowError):
        _stop(f"--week {week}: no such week; write a year and one of its weeks, e.g. 2026-W48 (a year has 52 or 53)")

    async def work() -> None:
        from bot.app import App
        from bot.conversation import digest_text

        app = App(settings)
        try:
            await app.prepare()
            chosen = wanted or Week.of(app.clock.now(), settings.zone)
            async with app.database.reading() as session:
                found = await app.office(session).digests.previews(preview, chosen)
        finally:
            await app.database.close()
        if not found:
            _stop(f"nothing to say: nobody in this database reads the digest for {preview}", 1)
        for one in found:
            short, detail = digest_text.render(one)
            typer.echo(f"{short}\n---\n{detail}\n")

    _wait_for(work())


@cli.command()
def invite(name: str, config: Config = DEFAULT_CONFIG) -> None:
    """A one-time code for somebody of the directory who holds a post: how the first secretary of a community joins."""
    settings = _settings(config)

    async def work() -> str:
        from bot.clock import SystemClock
        from workflows.database import Database
        from workflows.directory import Directory
        from workflows.people import People

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.writing() as session:
                people = People(session, SystemClock().now())
                everywhere = [community.id for community in (await Directory.load(session)).communities]
                person = await people.named_with_post(name, everywhere)
                if person is None:
                    _stop(f"nobody called {name!r} holds a post: write the name as it is in the directory")
                return await people.invite(person.id, None, timedelta(days=settings.staff.invitation_days))
        finally:
            await database.close()

    code = _wait_for(work())
    typer.echo(
        f"{code}   valid once, for {settings.staff.invitation_days} days: {name} sends 小哨 the line `/join {code}`"
    )


@cli.command("dead-letters")
def dead_letters(
    config: Config = DEFAULT_CONFIG,
    again: Annotated[str, typer.Option(help="The id of one to try again, e.g. in-12 or out-7.")] = "",
    as_json: AsJson = False,
) -> None:
    """Messages that were set aside after all attempts, without their texts; --again puts one back."""
    settings = _settings(config)

    async def work() -> list[dict[str, Any]]:
        from bot import dead_letters as letters
        from workflows.database import Database

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.writing() as session:
                if again:
                    await letters.put_back(session, again)
                return await letters.read(session)
        except letters.NoSuchLetter as error:
            _stop(str(error))
        finally:
            await database.close()

    found = _wait_for(work())
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for letter in found:
        typer.echo(f"{letter['id']:10} {letter['at']}  {letter['channel']} {letter['chat']}  {letter['error']}")
    typer.echo(f"{len(found)} set aside" + ("; one goes again with --again ID" if found else ""))


# ---- operating


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write; it must not be there yet.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Database, photos and secret key in one file, of one moment, while 小哨 runs."""
    from bot.clock import SystemClock
    from bot.operating.archive import BackupRefused
    from bot.operating.backup import back_up

    settings = _settings(config)
    try:
        kept = _wait_for(back_up(settings, file, SystemClock().now()))
    except BackupRefused as refusal:
        _stop(str(refusal), 1)
    typer.echo(f"written: {file}\n{kept}")


@cli.command()
def restore(
    file: File,
    config: Config = DEFAULT_CONFIG,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="What is there now is lost.")] = False,
) -> None:
    """Bring back what `backup` has kept, while 小哨 does not run."""
    from bot.operating import backup as backups
    from bot.operating.archive import BackupRefused

    settings = _settings(config)
    try:
        kept = _wait_for(backups.restore(settings, file, overwrite=overwrite))
    except BackupRefused as refusal:
        _stop(str(refusal), 1)
    typer.echo(f"restored: {file}\n{kept}")


@cli.command()
def doctor(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check configuration, database, NLU, channels, clock, holidays and storage, and say what to do."""
    from bot.clock import SystemClock
    from bot.logging import configure
    from bot.operating.doctor import Doctor, Finding

    configure("CRITICAL")
    try:
        settings = load(config)
    except ConfigError as error:
        remedy = "mend config.yml; the other checks need it"
        found = [Finding("configuration", "error", line, remedy) for line in str(error).splitlines()]
    else:
        found = _wait_for(Doctor(settings, SystemClock().now()).examine())
    well = all(one.state != "error" for one in found)
    if as_json:
        typer.echo(json.dumps({"ok": well, "checks": [asdict(one) for one in found]}, ensure_ascii=False))
    else:
        for one in found:
            typer.echo(str(one))
    if not well:
        raise typer.Exit(1)


@cli.command()
def audit(
    config: Config = DEFAULT_CONFIG,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Who tried what they may not do: forged buttons, other people's cases, used invitations, ended posts."""
    settings = _settings(config)

    async def work() -> "Sequence[Refused]":
        from bot.clock import SystemClock
        from workflows.database import Database
        from workflows.refusals import Refusals

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.reading() as session:
                clock = SystemClock()
                await clock.restore(session)
                return await Refusals(session, clock.now()).lately(clock.now() - timedelta(days=days), limit)
        finally:
            await database.close()

    found: Sequence[Refused] = _wait_for(work())
    if as_json:
        typer.echo(json.dumps([asdict(one) | {"at": one.at.isoformat()} for one in found], ensure_ascii=False))
        return
    for one in found:
        at = one.at.astimezone(settings.zone)
        who = f"{one.name or 'visitor'} ({one.person_id or '-'}{': ' + ', '.join(one.posts) if one.posts else ''})"
        typer.echo(f"{at:%Y-%m-%d %H:%M}  {one.why:18}  {who}  {one.channel}: {one.what}  {one.case}".rstrip())
    typer.echo(f"{len(found)} refusals in {days} days")


# ---- learning


@asynccontextmanager
async def _learning(settings: Settings) -> "AsyncIterator[Learning]":
    from bot.clock import SystemClock
    from bot.learning import Learning
    from workflows.database import Database

    database = Database(settings.database.url)
    await database.migrate()
    try:
        yield Learning(settings, database, SystemClock().now())
    finally:
        await database.close()


def _learn(settings: Settings, work: "Callable[[Learning], Coroutine[Any, Any, Any]]") -> Any:
    """Do something with what people put right; a refusal becomes a sentence."""
    from bot.learning import NothingToServe
    from nlu.training import TrainingFailed
    from workflows.corrections import NoLabel, NoSuchCandidate

    async def whole() -> Any:
        async with _learning(settings) as learning:
            return await work(learning)

    try:
        return _wait_for(whole())
    except (NothingToServe, TrainingFailed, NoLabel, NoSuchCandidate) as refusal:
        _stop(str(refusal))


Ids = Annotated[list[int], typer.Argument(help="Numbers from `xiaoshao nlu candidates`.")]


@nlu_cli.command("candidates")
def nlu_candidates(
    config: Config = DEFAULT_CONFIG,
    all_: Annotated[bool, typer.Option("--all", help="Also those that were decided upon.")] = False,
    as_json: AsJson = False,
) -> None:
    """What people put right in what was understood, and where each comes from."""
    rows = _learn(_settings(config), lambda learning: learning.candidates(*(() if all_ else ("new",))))
    if as_json:
        typer.echo(json.dumps([asdict(row) | {"at": row.at.isoformat()} for row in rows], ensure_ascii=False))
        return
    for row in rows:
        where = f"{row.at:%Y-%m-%d} {row.community} {row.case_number} {row.by}"
        typer.echo(
            f"{row.id:6} {row.state:9} {row.understood or '?'} -> {row.label or row.corrected}  {row.text}  ({where})"
        )
    typer.echo(f"{len(rows)} candidates" + ("" if all_ else " to decide upon"))


@nlu_cli.command("accept")
def nlu_accept(
    ids: Ids,
    label: Annotated[str, typer.Option(help="The intent, if it is not the one that the person chose.")] = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """These train the reader from now on."""
    _learn(_settings(config), lambda learning: learning.accept(ids, label))


@nlu_cli.command("reject")
def nlu_reject(ids: Ids, config: Config = DEFAULT_CONFIG) -> None:
    """These train nothing."""
    _learn(_settings(config), lambda learning: learning.reject(ids))


@nlu_cli.command("train")
def nlu_train(config: Config = DEFAULT_CONFIG) -> None:
    """Make a new model from the shipped messages and the accepted corrections; the one in service stays."""
    made = _learn(_settings(config), lambda learning: learning.train())
    typer.echo(f"{made}\ncompare it with `xiaoshao nlu compare`, put it into service with `xiaoshao nlu publish`")


@nlu_cli.command("compare")
def nlu_compare(config: Config = DEFAULT_CONFIG) -> None:
    """The model in service against the newest one, on the exams and on the accepted corrections."""
    old, new, comparison = _learn(_settings(config), lambda learning: learning.compare())
    typer.echo(f"old {old}\nnew {new}\n{comparison.table()}")
    for reason in comparison.worse:
        typer.echo(f"worse: {reason}")


@nlu_cli.command("publish")
def nlu_publish(
    config: Config = DEFAULT_CONFIG,
    anyway: Annotated[bool, typer.Option(help="Even if it is worse.")] = False,
) -> None:
    """Put the newest model into service without a restart, unless it is worse than the one that serves."""

    async def work(learning: "Learning") -> None:
        old, new, comparison = await learning.compare()
        typer.echo(f"old {old}\nnew {new}\n{comparison.table()}")
        if comparison.worse and not anyway:
            _stop(
                "not published:\n  "
                + "\n  ".join(comparison.worse)
                + "\nit stays as it is; --anyway publishes all the same",
                1,
            )
        learning.publish(new)
        typer.echo(f"in service: {new}; running processes change over within some seconds")

    _learn(_settings(config), work)


# ---- directory


@directory_cli.command("check")
def directory_check(file: File, config: Config = DEFAULT_CONFIG) -> None:
    """Read a directory file and name every mistake with its row, and the routes of the configuration that it misses."""
    from workflows.directory_file.checking import checked
    from workflows.directory_file.reading import read

    settings = _settings(config)
    register = read(file)
    problems = checked(register)
    for problem in problems:
        typer.echo(str(problem))
    if any(problem.serious for problem in problems):
        raise typer.Exit(1)
    doubtful = settings.doubtful_departments(_as_directory(register))
    for one in doubtful:
        if not one.meant:
            typer.echo(f"{config}: {one}")
    typer.echo("the directory can be imported")
    try:
        refuse_unknown_departments(doubtful)
    except ConfigError as error:
        lines = "\n".join(f"{config}: {line}" for line in str(error).splitlines())
        _stop(
            f"{lines}\nUnless a directory that was imported before has them, 小哨 will not start with these routes.", 1
        )


def _as_directory(register: "Register") -> "Directory":
    """The communities and units of a sound file, as they will be once imported."""
    from workflows.directory import CommunityCard, Directory, UnitCard
    from workflows.directory_file.vocabulary import UNIT_KINDS, code_of

    rows = register.rows
    numbers = {row["name"]: number for number, row in enumerate(rows["communities"], 1)}
    return Directory(
        communities=[CommunityCard(number, name, "", "", "", "") for name, number in numbers.items()],
        units=[
            UnitCard(number, numbers.get(row["community"], 1), code_of(UNIT_KINDS, row["kind"]), row["name"], "", ())
            for number, row in enumerate(rows["units"], 1)
        ],
    )


@directory_cli.command("import")
def directory_import(
    file: File,
    config: Config = DEFAULT_CONFIG,
    end_missing: Annotated[bool, typer.Option(help="End the posts of people who are not in the file.")] = False,
) -> None:
    """Bring the directory of the database to what the file says; may be run again."""
    settings = _settings(config)

    async def work() -> None:
        from bot.clock import SystemClock
        from bot.processes.bell import ring
        from bot.processes.directory_watch import DIRECTORY
        from workflows import directory_file
        from workflows.database import Database

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.writing() as session:
                done = await directory_file.import_file(session, file, SystemClock().now(), end_missing=end_missing)
                await ring(session, DIRECTORY)  # processes that are at work read it again
        except directory_file.DirectoryFileError as error:
            _stop(str(error))
        finally:
            await database.close()
        for warning in done.warnings:
            typer.echo(str(warning), err=True)
        typer.echo(str(done))

    _wait_for(work())


@directory_cli.command("export")
def directory_export(file: File, config: Config = DEFAULT_CONFIG) -> None:
    """Write the directory to a .yml or .xlsx file."""
    settings = _settings(config)
    if file.suffix.lower() not in (".yml", ".yaml", ".xlsx"):
        _stop(f"{file}: the name must end in .yml, .yaml or .xlsx, for the ending says what is written")

    async def work() -> None:
        from workflows import directory_file
        from workflows.database import Database

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.reading() as session:
                await directory_file.export_file(session, file)
        except OSError as error:
            _stop(f"{file}: cannot be written: {error.strerror}", 1)
        finally:
            await database.close()
        typer.echo(f"written: {file}")

    _wait_for(work())


if __name__ == "__main__":
    main()
