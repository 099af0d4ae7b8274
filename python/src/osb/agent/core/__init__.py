"""What an agent decides: events and the time in, effects out. No socket, no clock, no thread."""
