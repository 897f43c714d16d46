"""An attacker of the gateway: connections from several addresses, each with as many unfinished calls as it may have.

    python -m tests.mesh.attack '{"gateway": "127.0.0.1:8080", "path": "/…", …}'

It attacks until its standard input ends. Then it prints how often each outcome occurred, as JSON. It is a separate
process, so that it does not delay the calls of the test.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

READ_BYTES = 65536
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Attack:
    """What each call sends, and from how many addresses there is a connection."""

    gateway: str
    path: str
    content_type: str = "application/grpc"
    method: str = "POST"
    token: str = ""
    size: int = 0
    """The bytes that each call sends. The request stays unfinished. With 0, it is complete."""
    reads: bool = True
    """Whether it accepts responses. If not, the gateway must hold them."""
    addresses: int = 4

    def arguments(self) -> str:
        """Return the arguments of a process that runs it."""
        return json.dumps(asdict(self))


class Connection:
    """One connection, which has the calls in `sent` with the number of bytes that each has sent."""

    def __init__(self, attack: Attack, outcomes: Counter[str]) -> None:
        self._attack, self._outcomes = attack, outcomes
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._sent: dict[int, int] = {}
        self._may_open = 0
        self._headers = [
            (":method", attack.method),
            (":scheme", "http"),
            (":authority", "shop.example"),
            (":path", attack.path),
            ("content-type", attack.content_type),
            ("te", "trailers"),
        ]
        if attack.token:
            self._headers.append(("authorization", f"Bearer {attack.token}"))

    async def run(self, address: str) -> None:
        """Run until the gateway closes the connection."""
        host, _, port = self._attack.gateway.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=(address, 0))
        self._http.initiate_connection()
        if not self._attack.reads:
            self._http.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        try:
            while True:
                sending = self._open() + self._send()
                writer.write(self._http.data_to_send())
                await writer.drain()
                with suppress(TimeoutError):
                    data = await asyncio.wait_for(reader.read(READ_BYTES), 0 if sending else PAUSE_SECONDS)
                    if not data:
                        return
                    self._receive(data)
                await asyncio.sleep(0)
        finally:
            self._outcomes["connections closed"] += 1
            writer.close()

    def _open(self) -> int:
        new = self._may_open - len(self._sent)
        for _ in range(new):
            stream = self._http.get_next_available_stream_id()
            self._http.send_headers(stream, self._headers, end_stream=not self._attack.size)
            self._sent[stream] = 0
        return new

    def _send(self) -> int:
        total = 0
        for stream, sent in self._sent.items():
            window = self._http.local_flow_control_window(stream)
            size = min(window, self._http.max_outbound_frame_size, self._attack.size - sent)
            if size > 0:
                self._http.send_data(stream, bytes(size))
                self._sent[stream] += size
                total += size
        return total

    def _receive(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            match event:
                case h2.events.RemoteSettingsChanged():
                    self._may_open = self._http.remote_settings.max_concurrent_streams
                case h2.events.ResponseReceived(headers=headers):
                    fields = {str(name): str(value) for name, value in headers or []}
                    self._outcomes[f"{fields[':status']} {fields.get('grpc-message', '')}".strip()] += 1
                case h2.events.StreamReset(stream_id=stream, error_code=code):
                    self._outcomes["reset"] += code != h2.errors.ErrorCodes.NO_ERROR
                    self._sent.pop(stream, None)
                case h2.events.StreamEnded(stream_id=stream):
                    self._sent.pop(stream, None)
                case h2.events.DataReceived(stream_id=stream, flow_controlled_length=length):
                    self._http.acknowledge_received_data(length or 0, stream or 0)
                case _:
                    pass


async def attack_from(address: str, attack: Attack, outcomes: Counter[str]) -> None:
    """Open a connection from one address. Open it again whenever the gateway closes it."""
    while True:
        try:
            await Connection(attack, outcomes).run(address)
        except (OSError, h2.exceptions.ProtocolError) as error:
            outcomes[type(error).__name__] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def main(attack: Attack) -> None:
    """Run an attack until standard input ends, and print the outcomes."""
    outcomes: Counter[str] = Counter()
    addresses = [f"127.99.{number // 250}.{1 + number % 250}" for number in range(attack.addresses)]
    attacking = asyncio.gather(*(attack_from(address, attack, outcomes) for address in addresses))
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.write(json.dumps(outcomes))
    sys.stdout.flush()
    attacking.cancel()
    os._exit(0)  # at once: the connections need no orderly end


if __name__ == "__main__":
    asyncio.run(main(Attack(**json.loads(sys.argv[1]))))
