"""Passes its work on, and answers with its version."""

import os

import osb_lines

agent = osb_lines.Agent()


@agent.on("inbox")
def work(number):
    agent.send("out", number)


@agent.on("quotes")
def quote(_):
    return os.environ["VERSION"]


agent.run()
