"""The same by decorators, without a class; and a handler that awaits while others run."""

import asyncio

import osb

agent = osb.Agent("Slow")


@agent.handler("work")
async def work(seconds):
    await asyncio.sleep(seconds)
    return f"slept for {seconds} s"


@agent.method
def double(x):
    return 2 * x


if __name__ == "__main__":
    agent.run()
