"""Has one worker for every five tasks, and ends them when all is done."""

import osb_lines

agent = osb_lines.Agent()
workers = []
waited_for = 0


@agent.method
def square(numbers):
    """Has these numbers squared. Gives the names of the workers."""
    global waited_for
    agent.set(squares=[])
    waited_for = len(numbers)
    while len(workers) * 5 < len(numbers):
        name = f"W{len(workers) + 1}"
        agent.spawn(
            name,
            command=["python3", "worker.py"],
            env={"PYTHONPATH": "../lib"},
            connect={"tasks": "Boss.tasks", "results": "Boss.results"},
        )
        workers.append(name)
    for number in numbers:
        agent.send("tasks", number)
    return workers


@agent.on("results")
def done(square):
    global waited_for
    agent.set(squares=sorted(agent.attributes["squares"] + [square]))
    waited_for -= 1
    if waited_for == 0:
        while workers:
            agent.remove(workers.pop())


agent.run()
