"""Counts readings. How many it has stored outlives the program: `keep` in the topology."""

import osb_lines

agent = osb_lines.Agent()
stored = 0


@agent.started
def begin():
    global stored
    stored = agent.attributes.get("stored", 0)


@agent.on("inbox")
def store(reading):
    global stored
    stored += 1
    agent.set(stored=stored)


@agent.method
def is_well():
    return True


agent.run()
