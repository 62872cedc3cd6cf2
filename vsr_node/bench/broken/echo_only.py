#!/usr/bin/env python3
"""A node that only echoes: the least that a round trip through the bench costs."""

from small_node import Body, SmallNode


class EchoOnly(SmallNode):
    """Answers echo."""

    def on_echo(self, client: str, request: Body) -> None:
        """Send it back."""
        self.reply(client, request, {"type": "echo_ok", "echo": request["echo"]})


if __name__ == "__main__":
    EchoOnly().run()
