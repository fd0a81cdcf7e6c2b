"""The command line `xiaoshao`."""

import asyncio
import json
import os
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.settings import DEFAULT_CONFIG, ConfigError, Settings, load

if TYPE_CHECKING:
    from bot.learning import Learning
    from nlu.understanding import Understander

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


@cli.command()
def run(config: Config = DEFAULT_CONFIG, open_page: bool = False) -> None:
    """Serve the chat page, and Telegram when a token is set, until stopped."""
    settings = _settings(config)

    async def work() -> None:
        import gc

        import uvicorn

        from bot.app import App

        app = App(settings)
        async with app.running():
            server = uvicorn.Server(
                uvicorn.Config(
                    app.http, host=settings.server.host, port=settings.server.port, log_level="warning", lifespan="off",
                    ws="websockets-sansio", timeout_graceful_shutdown=5,
                )
            )  # fmt: skip
            address = f"http://{settings.server.host}:{settings.server.port}"
            typer.echo(f"小哨 is at {address}   (Ctrl-C stops it)")
            if settings.channels.telegram.how == "off":
                typer.echo("Telegram is off: set TELEGRAM_BOT_TOKEN to turn it on.")
            if open_page:
                webbrowser.open(address)
            gc.collect()
            gc.freeze()
            await server.serve()

    try:
        _wait_for(work())
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
    except OSError as error:
        _stop(f"cannot start: {error}", 1)


@cli.command()
def evaluate(file: File, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Measure the NLU alone, reader and safety net, on labelled messages (JSONL)."""
    settings = _settings(config)

    async def work() -> dict[str, Any]:
        from nlu import evaluation
        from nlu.danger import Guarded

        async with _reader(settings) as reader:
            return await evaluation.evaluate_file(file, Guarded(reader, settings.nlu.ear))

    from nlu.evaluation import EvaluationError

    try:
        result = _wait_for(work())
    except EvaluationError as error:
        _stop(str(error))
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
    settings = _settings(config)

    async def work() -> dict[str, Any]:
        from bot.same import judge_pairs, read_pairs

        pairs = read_pairs(file)
        async with _reader(settings) as reader:
            return await judge_pairs(settings, pairs, reader)

    from bot.same import PairsError

    try:
        result = _wait_for(work())
    except PairsError as error:
        _stop(str(error))
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else f"n {result['n']}\naccuracy {result['accuracy']}")


@cli.command()
def replay(file: File, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Play conversations through the real dispatcher and Rasa, each on a throw-away database."""
    settings = _settings(config)

    async def work() -> None:
        from bot import replay as player

        scripts = player.read_scripts(file)
        async with _reader(settings) as reader:
            async for played in player.replay(settings, scripts, reader):
                typer.echo(json.dumps(played, ensure_ascii=False) if as_json else _told(played))

    from bot.replay import ReplayError

    try:
        _wait_for(work())
    except ReplayError as error:
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
    settings = _settings(config)

    async def work() -> None:
        from bot.app import App
        from bot.conversation import digest_text
        from workflows.digest import Week

        app = App(settings)
        await app.prepare()
        chosen = Week.parse(week, settings.zone) if week else Week.of(app.clock.now(), settings.zone)
        async with app.database.reading() as session:
            found = await app.office(session).digests.previews(preview, chosen)
        await app.database.close()
        if not found:
            _stop("nothing to say, or no such role: resident, grid, property, community, department", 1)
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
def directory_check(file: File) -> None:
    """Read a directory file and name every mistake with its row."""
    from workflows import directory_file

    problems = directory_file.check(file)
    for problem in problems:
        typer.echo(str(problem))
    if any(problem.serious for problem in problems):
        raise typer.Exit(1)
    typer.echo("the directory can be imported")


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
        from workflows import directory_file
        from workflows.database import Database

        database = Database(settings.database.url)
        await database.migrate()
        try:
            async with database.writing() as session:
                done = await directory_file.import_file(session, file, SystemClock().now(), end_missing=end_missing)
        except directory_file.DirectoryFileError as error:
            _stop(str(error))
        finally:
            await database.close()
        typer.echo(str(done))

    _wait_for(work())


@directory_cli.command("export")
def directory_export(file: File, config: Config = DEFAULT_CONFIG) -> None:
    """Write the directory to a .yml or .xlsx file."""
    settings = _settings(config)

    async def work() -> None:
        from workflows import directory_file
        from workflows.database import Database

        database = Database(settings.database.url)
        await database.migrate()
        async with database.reading() as session:
            await directory_file.export_file(session, file)
        await database.close()
        typer.echo(f"written: {file}")

    _wait_for(work())


if __name__ == "__main__":
    main()
