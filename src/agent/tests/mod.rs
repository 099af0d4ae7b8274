//! Whole agents, each in a thread, before a name server made of a plain ROUTER, with plain ZeroMQ
//! sockets for peers.

mod adoption;
mod control;
mod fixture;
mod live;
mod messages;
mod programs;
mod timers;
mod words;
