"""Annoys its listeners, as often as its timers say."""

import osb_lines

agent = osb_lines.Agent()


@agent.method
def annoy(say, more=None):
    agent.send("annoy", f"{say} {more}!" if more else say)


agent.run()
