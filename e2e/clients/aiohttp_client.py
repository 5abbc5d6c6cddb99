"""The conversations, held by `aiohttp`."""

import aiohttp
from aiohttp import WSMsgType
from conversation import run


async def hold(url, steps):
    events = []
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, max_msg_size=0, autoping=False, compress=15) as socket:
            for step in steps:
                if socket.closed or not await take(socket, step, events):
                    break
            if not socket.closed:
                await socket.receive()
            events.append({"close": socket.close_code})
    return events


async def take(socket, step, events):
    """Says whether the connection is still open."""
    op = step["op"]
    try:
        if op == "text":
            await socket.send_str(step["text"])
        elif op == "binary":
            await socket.send_bytes(bytes(step["bytes"]))
        elif op == "ping":
            await socket.ping(step["payload"].encode())
        else:
            await socket.close(code=step["code"], message=step["reason"].encode())
            return False
    except ConnectionError:
        # The server closed over the first part of it.
        pass
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        events.append({"text": message.data})
    elif message.type is WSMsgType.BINARY:
        events.append({"binary": len(message.data)})
    elif message.type is WSMsgType.PONG:
        events.append({"pong": message.data.decode()})
    else:
        return False
    return True


run(hold)
