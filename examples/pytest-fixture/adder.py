"""What is tested: an agent that adds."""

import osb


class Adder(osb.Agent):
    @osb.handler("numbers")
    def add(self, number):
        self.set(sum=self.get("sum") + number)

    @osb.method
    def divide(self, by):
        return self.get("sum") / by


if __name__ == "__main__":
    Adder("Adder").run()
