#!/usr/bin/env python3
"""A lie: a request equal to the client's last one counts as its repetition and is not done."""

from small_node import Body, Store


class OldReply(Store):
    """Compares requests by their content, not by their number."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, tuple[Body, Body]] = {}

    def execute(self, client: str, request: Body) -> Body:
        """Repeat the last reply if the request looks the same."""
        asked = {name: request[name] for name in request if name != "msg_id"}
        last_asked, last_reply = self.last.get(client, (None, {}))
        if asked == last_asked:
            return last_reply
        reply = super().execute(client, request)
        self.last[client] = asked, reply
        return reply


if __name__ == "__main__":
    OldReply().run()
