"""Counts the work that has come, each number once."""

import osb_lines

agent = osb_lines.Agent()
numbers, twice = set(), 0


@agent.on("done")
def done(number):
    global twice
    twice += number in numbers
    numbers.add(number)


@agent.method
def booked():
    """How much has come, and how much of it more than once."""
    return {"booked": len(numbers), "twice": twice}


agent.run()
