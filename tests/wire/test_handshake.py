"""HELLO and what it is answered with; no I/O."""

import pytest

from vsr_node.wire.handshake import (
    ACCESS_DENIED,
    CLIENT,
    FRAMES,
    HELLO_BYTES_MAX,
    MEMBER,
    PROTOCOL_VERSION,
    WRONG_GROUP,
    WRONG_VERSION,
    Doorkeeper,
    Hello,
    Refused,
    Welcome,
    digest_of,
)

DIGEST = digest_of({"a": "a:1", "b": "b:1"}, 10)
DOORKEEPER = Doorkeeper(
    name="a", group="g", members=("a", "b", "c"), digest=DIGEST, machine="Counter"
)
AS_MEMBER = Hello(PROTOCOL_VERSION, "g", MEMBER, "b", DIGEST, "Counter")
AS_CLIENT = Hello(PROTOCOL_VERSION, "g", CLIENT, "", "", "Counter")


@pytest.mark.parametrize("proved", [None, frozenset({"b"}), frozenset({"b", "x"})])
def test_a_member_gets_in(proved: frozenset[str] | None) -> None:
    assert DOORKEEPER.judge(AS_MEMBER, proved) == Welcome("a")


@pytest.mark.parametrize("proved", [None, frozenset({"client"})])
@pytest.mark.parametrize("machine", ["Counter", ""])
def test_a_client_gets_in(proved: frozenset[str] | None, machine: str) -> None:
    assert DOORKEEPER.judge(AS_CLIENT._replace(machine=machine), proved) == Welcome("a")


@pytest.mark.parametrize(
    ("hello", "proved", "reason"),
    [
        (AS_MEMBER._replace(version=PROTOCOL_VERSION + 1), None, WRONG_VERSION),
        (AS_MEMBER._replace(group="other"), None, WRONG_GROUP),
        (AS_MEMBER._replace(name="d"), None, ACCESS_DENIED),
        (AS_MEMBER._replace(name="a"), None, ACCESS_DENIED),
        (AS_MEMBER._replace(digest=digest_of({"b": "b:1", "a": "a:1"}, 10)), None, WRONG_GROUP),
        (AS_MEMBER._replace(machine="Shop"), None, WRONG_VERSION),
        (AS_MEMBER, frozenset({"c"}), ACCESS_DENIED),
        (AS_MEMBER, frozenset({"client"}), ACCESS_DENIED),
        (AS_MEMBER, frozenset(), ACCESS_DENIED),
        (AS_MEMBER._replace(role="root"), None, ACCESS_DENIED),
        (AS_CLIENT, frozenset({"b"}), ACCESS_DENIED),
        (AS_CLIENT._replace(machine="Shop"), None, WRONG_VERSION),
        (AS_CLIENT._replace(group=""), None, WRONG_GROUP),
    ],
)
def test_others_do_not(hello: Hello, proved: frozenset[str] | None, reason: str) -> None:
    answer = DOORKEEPER.judge(hello, proved)
    assert isinstance(answer, Refused)
    assert answer.reason == reason


def test_a_hello_of_long_names_is_within_the_bound() -> None:
    hello = AS_MEMBER._replace(group="g" * 255, name="n" * 255, machine="M" * 255)
    assert len(FRAMES.encode(hello)) < HELLO_BYTES_MAX
