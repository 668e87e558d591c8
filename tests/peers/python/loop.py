"""asyncio with its own loop, or with uvloop's: a Protocol, which is the quick way to write it.

python3 loop.py [uvloop] raw|line        (Debian: python3-uvloop)

Read buffer: the loop's own, 256 KiB in asyncio and 250 KiB in uvloop, one read at a time.
"""

import asyncio
import sys

LINE = sys.argv[-1] == "line"
END = b"\n" if LINE else b""


class Greeter(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""
        transport.write(b"Welcome!" + END)

    def data_received(self, data):
        if LINE:
            *lines, self.rest = (self.rest + data).split(b"\n")
            messages = [line.removesuffix(b"\r") for line in lines]
        else:
            messages = [data]
        is_over = b"exit" in messages
        if is_over:
            messages = messages[: messages.index(b"exit")]
        self.transport.write(b"".join(b"Hello, %b!%b" % (message, END) for message in messages))
        if is_over:
            self.transport.close()


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Greeter, "127.0.0.1", 0, backlog=4096)
    print("listening on tcp://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if "uvloop" in sys.argv:
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(main())
