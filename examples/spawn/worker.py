"""Squares numbers."""

import osb_lines

agent = osb_lines.Agent()


@agent.on("tasks")
def work(number):
    agent.send("results", number * number)


agent.run()
