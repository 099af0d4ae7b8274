"""Hears prices, keeps their average, answers questions about it, and warns of strays."""

import osb


class Analyst(osb.Agent):
    def on_init(self):
        self.prices = {}

    @osb.handler("on_price")
    def on_price(self, price):
        """By `handler: { OSB: "call:on_price" }`: the publications whose topic begins so."""
        seen = self.prices.setdefault(price["symbol"], [])
        average = sum(seen) / len(seen) if seen else price["cents"]
        seen.append(price["cents"])
        percent = 100 * abs(price["cents"] - average) / average
        if percent > self.get("limit"):
            self.log.warning(f"{percent:.0f} % away from the average")
            self.send("warnings", {"symbol": price["symbol"], "percent": percent})
        self.set(count=len(seen))

    @osb.handler("ask")
    def asked(self, symbol):
        """What is returned is the answer; an error is one, too."""
        seen = self.prices[symbol]
        return sum(seen) / len(seen)

    @osb.method
    def forget(self):
        """`osb call Analyst forget`, proxies and timers call this."""
        self.prices.clear()
        self.set(count=0)

    @osb.every("1s", alias="heart")
    def tell(self):
        self.set(symbols=sorted(self.prices))


if __name__ == "__main__":
    Analyst("Analyst").run()
