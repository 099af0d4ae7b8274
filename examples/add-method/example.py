"""Methods, to be called by osb call, by proxies and by timers."""

import osb_lines

agent = osb_lines.Agent()


@agent.method
def set_x(value):
    agent.set(x=value)


@agent.method
def set_y(value):
    agent.set(y=value)


@agent.method
def add():
    return agent.attributes["x"] + agent.attributes["y"]


agent.run()
