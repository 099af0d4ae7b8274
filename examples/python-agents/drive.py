"""Brings the system up, drives it by proxies, and takes it down: all from one script."""

from pathlib import Path

import osb

with osb.up(Path(__file__).parent / "topology.yaml") as system:
    market, broker = system.proxy("Market"), system.proxy("Broker")
    for cents in (100, 104, 150):
        market.send("prices", {"symbol": "OSB", "cents": cents}, topic="OSB")
    analyst = system.proxy("Analyst")
    while analyst.attributes().get("count") != 3:
        pass
    print("average:", broker.send_recv("ask", "OSB"))
    try:
        broker.send_recv("ask", "XYZ")
    except osb.CallFailed as error:
        print("error:", error)
    print(system.proxy("Slow").call("double", 21), broker.send_recv("work", 0.1))

    # An agent of this very script, in a thread of its own.
    with osb.Agent("Auditor", nameserver=system.nameserver.address).start() as auditor:
        auditor.connect("Analyst.ask", "ask")
        print("audited:", auditor.request("ask", "OSB"))
