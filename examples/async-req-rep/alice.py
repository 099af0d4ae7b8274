"""Answers when she gets round to it."""

import time

import osb_lines

agent = osb_lines.Agent()


@agent.on("main")
def reply_late(message):
    time.sleep(1)
    return "Hello, Bob!"


agent.run()
