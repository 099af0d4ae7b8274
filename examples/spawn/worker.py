"""Squares numbers."""

import osb

agent = osb.Agent()


@agent.on("tasks")
def work(number):
    agent.send("results", number * number)


agent.run()
