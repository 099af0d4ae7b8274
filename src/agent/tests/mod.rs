//! Whole agents, each in a thread, before a name server made of a plain ROUTER, with plain ZeroMQ
//! sockets for peers.

mod adoption;
mod channels;
mod control;
mod fixture;
mod live;
mod messages;
mod programs;
mod synced;
mod take_over;
mod timers;
mod walk;
mod wires;
mod words;
