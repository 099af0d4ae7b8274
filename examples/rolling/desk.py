"""Gives numbered work and asks for quotes, and counts what it has given, what was answered, and by which version."""

import osb_lines

agent = osb_lines.Agent()
count = {"given": 0, "answered": 0, "failed": 0, "by": {}}
resting = False


@agent.started
def begin():
    agent.every("4ms", work, alias="work")


def work():
    if resting:  # a tick that was on its way
        return
    count["given"] += 1
    agent.send("work", count["given"])
    try:
        version = agent.request("ask", "which version are you?")
    except osb_lines.Error as error:
        agent.log_error(error)
        count["failed"] += 1
    else:
        count["answered"] += 1
        count["by"][version] = count["by"].get(version, 0) + 1


@agent.method
def rest():
    """Gives no more work, and tells what it has given."""
    global resting
    resting = True
    agent.stop_timer("work")
    return count


@agent.method
def counted():
    """What it has given up to now."""
    return count


agent.run()
