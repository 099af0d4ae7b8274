"""Halves the frames that come, and sends on what is left. The pixels are a view of the message: they are not copied."""

import osb


class Filter(osb.Agent):
    @osb.handler("frames")
    def halve(self, frame):
        pixels = frame["pixels"]
        self.send("halves", {"number": frame["number"], "pixels": pixels[::2, ::2]})


Filter("Filter").run()
