"""A loop of a test's own ends its connections, also those whose other side answers no goodbye."""

from __future__ import annotations

import asyncio
import socket
import ssl

from tests.cluster.loop import LoopInThread

from socrata_simulator.http.certificates import Tls


def test_no_connection_outlives_it_though_nobody_answers_tls_goodbyes(tls: Tls) -> None:
    loop = LoopInThread()

    async def say_goodbye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(say_goodbye, "127.0.0.1", 0, ssl=tls.context())

    async def stop(server: asyncio.Server) -> None:
        server.close()

    server = loop.do(serve())
    trust = ssl.create_default_context(cafile=tls.ca_file)
    speaking = trust.wrap_socket(socket.socket(), server_hostname="127.0.0.1")
    speaking.settimeout(30)
    speaking.connect(server.sockets[0].getsockname())
    with socket.socket(fileno=speaking.detach()) as silent:
        silent.settimeout(30)
        loop.do(stop(server))
        loop.close()

        while silent.recv(1 << 16):  # of a connection that stays open the end would not come
            pass
