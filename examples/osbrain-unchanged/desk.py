"""A program for osBrain: agents made by a script, handlers sent to them, timers, topics, requests, a logger."""

import random

import osb.brain as osbrain  # the one line that has changed: it was `import osbrain`
from osb.brain.helper import wait_agent_attr, wait_agent_condition


class Market(osbrain.Agent):
    """Publishes a price for each of its goods, again and again."""

    def on_init(self):
        self.prices = {"apples": 100, "pears": 120}
        self.bind("PUB", alias="prices")

    def tick(self):
        for name, price in self.prices.items():
            self.prices[name] = price + random.choice([-1, 1])
            self.send("prices", (name, self.prices[name]), topic=name)


class Desk(osbrain.Agent):
    """Keeps the last prices, and answers what they are."""

    def on_init(self):
        self.last = {}
        self.seen = 0
        self.bind("REP", alias="ask", handler="answer")

    def on_price(self, message):
        name, price = message
        self.last[name] = price
        self.seen += 1

    def answer(self, name):
        return self.last.get(name)


def report(agent, message):
    """A function of the script: the agent that it is given to runs it."""
    agent.log_info(f"apples cost {agent.send_recv('ask', 'apples')}; {message}")


if __name__ == "__main__":
    ns = osbrain.run_nameserver()
    logger = osbrain.run_logger("Logger")
    market = osbrain.run_agent("Market", base=Market)
    desk = osbrain.run_agent("Desk", base=Desk)
    clerk = osbrain.run_agent("Clerk")
    clerk.set_logger(logger)

    desk.connect(market.addr("prices"), handler={"apples": "on_price"})
    clerk.connect(desk.addr("ask"), alias="ask")
    market.each(0.01, "tick")

    wait_agent_condition(desk, lambda agent: agent.seen >= 10)
    clerk.execute_as_method(report, "pears are not followed")
    wait_agent_attr(logger, "log_history_info", length=1)
    print(logger.get_attr("log_history_info")[0])
    print("goods that are followed:", sorted(desk.get_attr("last")))
    ns.shutdown()
