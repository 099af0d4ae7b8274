"""The program that still runs on osBrain 0.6.5: it takes orders, publishes news, and answers questions."""

import sys

import osbrain


def on_order(agent, order):
    """Counts what is ordered."""
    agent.ordered = getattr(agent, "ordered", 0) + order["count"]


def answer(agent, question):
    """By REP: how many so far."""
    return {question["what"]: getattr(agent, "ordered", 0)}


def tell(agent):
    """Again and again."""
    agent.send("news", {"ordered": getattr(agent, "ordered", 0)}, topic="ordered")


if __name__ == "__main__":
    ns = osbrain.run_nameserver()
    shop = osbrain.run_agent("Shop")
    # What both understand: tcp, and JSON.
    plain = {"transport": "tcp", "serializer": "json"}
    addresses = [
        shop.bind("PULL", alias="orders", handler=on_order, **plain),
        shop.bind("PUB", alias="news", **plain),
        shop.bind("REP", alias="asks", handler=answer, **plain),
    ]
    shop.each(0.05, tell)
    print("listens at", *(str(it.address) for it in addresses), flush=True)
    sys.stdin.readline()
    ns.shutdown()
