"""Answers HEAD as GET without the body, on every route."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Turns HEAD requests into GET requests and leaves the body out of the answer.

    Parameters
    ----------
    app
        The application, whose routes then need to know GET only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        answered = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
                answered.set()

        async def receive_until_answered() -> Message:
            """Tell the application, once the head is sent, that nobody waits for more."""
            tasks = asyncio.create_task(receive()), asyncio.create_task(answered.wait())
            done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            request, _ = tasks
            return {"type": "http.disconnect"} if answered.is_set() or request not in done else request.result()

        asked = {**scope, "method": "GET"}
        await self._app(asked, receive_until_answered, send_head)
        scope["route"] = asked.get("route")
