"""Logs something now, and something else a while later."""

import osb_lines

agent = osb_lines.Agent()


@agent.started
def begin():
    agent.after("500ms", delayed)
    agent.log_info("Logged now")


def delayed():
    agent.log_info("Logged later")


agent.run()
