"""The conversations, held by `websockets`."""

from conversation import run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def hold(url, steps):
    events = []
    async with connect(url, max_size=None, ping_interval=None) as socket:
        try:
            for step in steps:
                await take(socket, step, events)
            await socket.recv()
        except ConnectionClosed:
            pass
    events.append({"close": socket.close_code})
    return events


async def take(socket, step, events):
    op = step["op"]
    if op == "ping":
        await ping(socket, step["payload"], events)
    elif op == "close":
        await socket.close(step["code"], step["reason"])
    else:
        if op == "text":
            await socket.send(step["text"])
        elif op == "binary":
            await socket.send(bytes(step["bytes"]))
        else:
            await socket.send(pieces(socket, step, events))
        said = await socket.recv()
        events.append({"text": said} if isinstance(said, str) else {"binary": len(said)})


async def pieces(socket, step, events):
    for number, piece in enumerate(step["pieces"]):
        if number > 0 and "ping" in step:
            await ping(socket, step["ping"], events)
        yield piece


async def ping(socket, payload, events):
    pong = await socket.ping(payload)
    await pong
    events.append({"pong": payload})


run(hold)
