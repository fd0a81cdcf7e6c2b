"""A stand-in for the reader: it knows the scripted sentences by a word each. What is tested here is not understanding."""

import re
from typing import Any

from aiohttp import web

KINDS = {
    "楼道灯": "street_light",
    "垃圾": "garbage",
    "下水道": "sewage",
    "电梯": "elevator",
    "蚊子": "pest_control",
    "路面": "road_damage",
}
_BETWEEN = "\u241e"
_ENTITIES = {
    "estate": re.compile("富邦小区|河畔家园"),
    "building": re.compile(r"\d+号楼"),
    "unit": re.compile(r"\d单元"),
}


def parsed(text: str) -> dict[str, Any]:
    """As Rasa's /model/parse answers."""
    intent = next((label for word, label in KINDS.items() if word in text), "other_request")
    sure = 0.9 if intent != "other_request" else 0.12
    entities = [
        {"entity": kind, "value": found[0], "start": found.start(), "end": found.end()}
        for kind, pattern in _ENTITIES.items()
        for found in pattern.finditer(text)
    ]
    return {
        "intent": {"name": intent, "confidence": sure},
        "intent_ranking": [{"name": intent, "confidence": sure}, {"name": "greet", "confidence": 0.01}],
        "entities": entities,
        "also": [],
        "parts": [],
        "same": [0.02] * text.count(_BETWEEN),
    }


def reader() -> web.Application:
    """The two addresses that the product asks."""

    async def parse(request: web.Request) -> web.Response:
        return web.json_response(parsed(str((await request.json())["text"])))

    async def status(_: web.Request) -> web.Response:
        return web.json_response({"model_id": "stand-in", "num_active_training_jobs": 0})

    app = web.Application()
    app.add_routes([web.post("/model/parse", parse), web.get("/status", status)])
    return app
