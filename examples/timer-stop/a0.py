"""Three timers, of which two are stopped in time."""

import osb_lines

agent = osb_lines.Agent()


@agent.started
def begin():
    agent.after("300ms", delayed, params="Hello!")
    # The agent chooses a name, and tells it ...
    timer = agent.after("300ms", delayed, params="Never logged")
    # ... or is given one.
    agent.after("300ms", delayed, params="Never logged either", alias="timer_alias")
    agent.stop_timer(timer)
    agent.stop_timer("timer_alias")
    agent.set(left=[timer["alias"] for timer in agent.timers()])


def delayed(message):
    agent.log_info(message)


agent.run()
