"""Sums what comes."""

import numpy

import osb


class Sink(osb.Agent):
    def on_init(self):
        self.set(frames=0)
        self.sum = numpy.zeros((240, 320), dtype="u4")

    @osb.handler("halves")
    def add(self, frame):
        self.sum += frame["pixels"]
        self.set(frames=self.get("frames") + 1)

    @osb.method
    def corner(self):
        """An array as an answer: a proxy in Python gets an array."""
        return self.sum[:2, :2]


Sink("Sink").run()
