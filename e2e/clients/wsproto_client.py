"""The conversations, held by `wsproto`, which reads and writes bytes and no sockets."""

import asyncio
from urllib.parse import urlsplit

from conversation import run
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

READ_BYTES_MAX = 4096


class Client:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.events = []
        self.is_accepted = False
        self.message = []

    async def send(self, event):
        self.writer.write(self.protocol.send(event))
        try:
            await self.writer.drain()
        except ConnectionError:
            # The server closed over the first part of it; what it said can still be read.
            pass

    async def until(self, is_there):
        """Reads until there is such a thing, or the connection is closed. Says whether it is open."""
        while not is_there():
            if self.events and "close" in self.events[-1]:
                return False
            data = await self.reader.read(READ_BYTES_MAX)
            self.protocol.receive_data(data or None)
            for event in self.protocol.events():
                self.note(event)
        return True

    def note(self, event):
        if isinstance(event, AcceptConnection):
            self.is_accepted = True
        elif isinstance(event, RejectConnection):
            raise RuntimeError(f"refused with {event.status_code}")
        elif isinstance(event, Pong):
            self.events.append({"pong": event.payload.decode()})
        elif isinstance(event, CloseConnection):
            self.events.append({"close": event.code})
        elif isinstance(event, (TextMessage, BytesMessage)):
            self.message.append(event.data)
            if event.message_finished:
                is_text = isinstance(event, TextMessage)
                size = sum(len(piece) for piece in self.message)
                said = {"text": "".join(self.message)} if is_text else {"binary": size}
                self.events.append(said)
                self.message = []


async def hold(url, steps):
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    client = Client(reader, writer)
    target = f"{address.path}?{address.query}"
    request = Request(host=address.netloc, target=target, extensions=[PerMessageDeflate()])
    await client.send(request)
    await client.until(lambda: client.is_accepted)
    for step in steps:
        if not await take(client, step):
            break
    await client.until(lambda: "close" in client.events[-1])
    writer.close()
    return client.events


async def take(client, step):
    op = step["op"]
    count = len(client.events) + 1
    if op == "text":
        await client.send(Message(data=step["text"]))
    elif op == "binary":
        await client.send(Message(data=bytes(step["bytes"])))
    elif op == "ping":
        await client.send(Ping(payload=step["payload"].encode()))
    elif op == "close":
        await client.send(CloseConnection(code=step["code"], reason=step["reason"]))
    else:
        last = len(step["pieces"]) - 1
        for number, piece in enumerate(step["pieces"]):
            if number > 0 and "ping" in step:
                await client.send(Ping(payload=step["ping"].encode()))
                count += 1
            await client.send(Message(data=piece, message_finished=number == last))
    return await client.until(lambda: len(client.events) >= count)


run(hold)
