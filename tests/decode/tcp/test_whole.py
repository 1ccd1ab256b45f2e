"""Tests of whole connections as columns: they are the connections that they would become."""

from __future__ import annotations

from harness.decode.layer_fields import build_nothing
from harness.decode.observation import build_connection, build_connections
from harness.decode.packet.table import PacketTable, read_tables
from harness.decode.tcp.connection import TcpConnection
from harness.decode.tcp.group_table import GroupTable
from harness.decode.tcp.regular import Before, GroupSums, judge_groups
from harness.decode.tcp.segment_table import find_segments
from harness.decode.tcp.whole import WholeTable, find_whole
from harness.decode.unread import Unread
from tests.decode.tcp.test_regular import new_groups
from tests.decode.tcp.test_talk_table import tell
from tests.packet_builder import ACK, FIN, RST, Talk, build_capture


class Hashed(Unread):
    """Bytes are hashed, and read by nobody."""

    is_hashed = True


def opened(port: int) -> Talk:
    """A connection after its handshake."""
    return Talk(client=("203.0.113.5", port)).open()


ENDED = {
    "both talk": opened(1).send("client", b"abc").send("server", b"de").close(),
    "one talks": opened(2).send("server", b"de", size=1).close(),
    "client resets": opened(3).packet("client", flags=RST),
    "server resets": opened(4).send("client", b"abc").packet("server", flags=RST | ACK),
    "FIN and RST": opened(5).close().packet("client", flags=RST),
    "refused": Talk(client=("203.0.113.5", 6)).packet("client", flags=2),
}
OPEN = {
    "open": opened(7).send("client", b"abc"),
    "half closed": opened(8).packet("client", flags=FIN | ACK),
}


def read(talks: list[Talk]) -> tuple[GroupTable, GroupSums, Before]:
    """The groups of these connections."""
    frames = [frame for talk in talks for frame in talk.frames]
    items = read_tables(build_capture(frames), window=1 << 20)
    table = next(item for item in items if isinstance(item, PacketTable))
    segments, _ = find_segments(table, {0: 1})
    assert segments is not None
    before = new_groups(len(segments.start))
    _, sums = judge_groups(segments, before)
    return GroupTable(table, segments, {0: "dmz"}), sums, before


def build_table() -> tuple[GroupTable, GroupSums, WholeTable[object]]:
    """All that have ended."""
    groups, sums, _ = read([*ENDED.values()][:5])
    rows = list(range(len(groups)))
    talks, facts = groups.build_talks(rows), [build_nothing()] * len(rows)
    table: WholeTable[object] = groups.build_whole(rows, sums, [*facts], talks, rows)
    table.number[:] = table.first.argsort().argsort() + 1
    return groups, sums, table


def test_which_have_ended() -> None:
    """Both ends sent FIN and one was acknowledged; or one sent RST."""
    groups, sums, _ = read([*ENDED.values(), *OPEN.values()])

    ended = sorted(
        groups.build_ends(row)[0].port for row, whole in enumerate(find_whole(sums)) if whole
    )

    assert ended == [1, 2, 3, 4, 5]


def test_they_are_the_connections_that_they_would_become() -> None:
    """The observation is the same as after taking the packets in."""
    groups, sums, table = build_table()
    found = list(build_connections(table, is_hashed=True))  # type: ignore[arg-type]

    expected = []
    for row in range(len(groups)):
        client, server = groups.build_ends(row)
        tcp: TcpConnection[Hashed] = TcpConnection(client, server, b"", "dmz", Hashed())
        is_low_client = bool(groups.is_low_client[row])
        tcp.handle_group(groups.build_group(row, sums, is_low_client=is_low_client))
        tcp.number = int(table.number[row])
        expected.append(build_connection(tcp))

    assert found == expected
    assert {connection.closed for connection in found} == {"fin", "rst"}


def test_a_row_is_a_group_again() -> None:
    """With all of its packets and bytes, also after some rows were chosen."""
    groups, sums, table = build_table()
    part = table.select([3, 1])

    for row, original in enumerate((3, 1)):
        is_low_client = bool(groups.is_low_client[original])
        group = groups.build_group(original, sums, is_low_client=is_low_client)
        again = part.build_group(row)

        assert (again.numbers, again.client, again.server) == (
            [*group.numbers],
            group.client,
            group.server,
        )
        assert (again.client_isn, again.server_isn, again.answer) == (
            group.client_isn,
            group.server_isn,
            group.answer,
        )
        assert [tell(talk) for talk in again.talks] == [tell(talk) for talk in group.talks]
        assert part.build_ends(row) == groups.build_ends(original)
        assert part.number[row] == table.number[original]
