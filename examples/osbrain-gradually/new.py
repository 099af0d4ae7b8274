"""The program that runs on osb by now: `python new.py ORDERS NEWS ASKS`, with the addresses that old.py has printed."""

import sys

import osb.brain as osbrain  # was: import osbrain
from osb.brain.helper import wait_agent_attr


def on_news(agent, news):
    """Keeps what was told last."""
    agent.ordered = news["ordered"]


def there(address, kind):
    """A socket of osBrain's, which no name server here knows."""
    return osbrain.AgentAddress("tcp", address, kind, "server", "json")


if __name__ == "__main__":
    orders, news, asks = sys.argv[1:]
    ns = osbrain.run_nameserver()
    buyer = osbrain.run_agent("Buyer", attributes={"ordered": 0})
    buyer.connect(there(news, "PUB"), "news", handler={"ordered": on_news})
    buyer.connect(there(asks, "REP"), "asks")
    buyer.connect(there(orders, "PULL"), "orders")
    for count in (1, 2, 39):
        buyer.send("orders", {"count": count})
    wait_agent_attr(buyer, "ordered", value=42, timeout=10)
    print("by PUSH and PUB:", buyer.get_attr("ordered"))
    buyer.send("asks", {"what": "total"})
    print("by REQ:", buyer.recv("asks"))
    ns.shutdown()
