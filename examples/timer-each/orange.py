"""Annoys its listeners, as often as its timers say."""

import osb

agent = osb.Agent()


@agent.method
def annoy(say, more=None):
    agent.send("annoy", f"{say} {more}!" if more else say)


agent.run()
