"""All routes of the console."""

from fastapi import APIRouter

from bot.console import closing
from bot.console.case import Cases
from bot.console.directory import DirectoryPages
from bot.console.entrance import Entrance
from bot.console.exports import Exports
from bot.console.lists import Lists
from bot.console.managing import Managing
from bot.console.numbers import Numbers
from bot.console.rulings import RulingPages
from bot.console.steps import Steps
from bot.console.styles import style
from bot.console.upkeep import Plans, Promise
from bot.console.visit import Console, route_class


def build(console: Console) -> APIRouter:
    """The router of /console."""
    router = APIRouter(prefix="/console", route_class=route_class(console), include_in_schema=False)
    router.add_api_route("/static/{name}", style, methods=["GET"])
    for part in (Entrance, Lists, Cases, Numbers, Managing, DirectoryPages, Exports, Plans, RulingPages):
        part(console).add_to(router)
    Steps(console, (*closing.all_of(console), Promise())).add_to(router)
    return router
