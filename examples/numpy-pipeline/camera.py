"""Sends frames: arrays of numpy, as they are."""

import numpy

import osb

agent = osb.Agent("Camera")


@agent.every("20ms")
def shoot():
    number = agent.attributes.get("sent", 0)
    if number < 50:
        agent.send("frames", {"number": number, "pixels": numpy.full((480, 640), number, dtype="u1")})
        agent.set(sent=number + 1)


agent.run()
