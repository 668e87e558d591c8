"""The dialect `hello`, in lines, on asyncio.

It prints the port that it serves, and serves until it is killed, or for two minutes.
"""

import asyncio
import signal


async def greet(reader, writer):
    writer.write(b"Welcome!\n")
    while line := await reader.readline():
        message = line.rstrip(b"\r\n")
        if message == b"exit":
            break
        writer.write(b"Hello, " + message + b"!\n")
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


signal.alarm(120)
asyncio.run(main())
