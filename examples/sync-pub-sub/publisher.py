"""Answers requests, and tells all others of each."""

import osb_lines

agent = osb_lines.Agent()


@agent.on("publisher")
def reply_back(message):
    yield f"Received {message}"
    # The answer is on its way; there is time for more.
    agent.send("publisher", "There was a request", topic="requests")


agent.run()
