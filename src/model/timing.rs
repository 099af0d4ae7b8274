//! All timeouts and intervals of osb: how often members send heartbeats, how long an answer may take, how
//! long a process may take to end. In one place, because they depend on each other: an inner timeout has to end
//! before the outer one.
//!
//! Not here: how long something is kept or left alone (files, logs), and what a user chooses in a topology,
//! beyond the defaults.

use std::time::Duration;

use super::Millis;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

// Signs of life.

/// How often a member tells the name server that it still works.
pub const HEARTBEAT_INTERVAL: Duration = s(1);
/// How long the name server may take to answer an announcement, before it is made again.
pub const ANNOUNCEMENT_TIMEOUT: Duration = s(10);
/// A member that was silent for so long is `suspect`.
pub const SUSPECT_TIMEOUT: Duration = s(3);
/// A member that was silent for so long is `unreachable`.
pub const UNREACHABLE_TIMEOUT: Duration = s(10);
/// After so long without a word on a TCP connection, the other end is asked whether it is there,
pub const KEEPALIVE_IDLE_TIMEOUT: Duration = s(5);
/// and after so long again,
pub const KEEPALIVE_INTERVAL: Duration = s(2);
/// so often. Then the connection is given up.
pub const KEEPALIVE_PROBES: i32 = 3;
/// So long before a key expires, `ls` says so.
pub const EXPIRY_WARNING: Duration = s(14 * 86_400);
/// How long a host may take to move over to another key.
pub const ROTATION_TIMEOUT: Duration = s(30);
/// How long what is for a member is held whose connection was lost, until it has dialled anew.
pub const RECONNECT_TIMEOUT: Duration = s(3);
/// How long an agent may still be heard after the news of its end: they come by two connections.
pub const LAST_WORDS_TIMEOUT: Duration = ms(250);
/// How long an agent that is unreachable may stand still, where it runs, before it counts as hung.
pub const HUNG_LOOK_INTERVAL: Duration = s(3);
/// How often connections with data under way are looked at, whether the other end is dead.
pub const DEAD_PEER_INTERVAL: Duration = s(4);
/// A peer that acknowledges nothing for so long is dead.
pub const DEAD_PEER_TIMEOUT: Duration = s(10);

// Which keys are admitted.

/// How long ZeroMQ's handshake may take. A peer that has not finished it by then is disconnected: one that
/// connects and says nothing takes up room no longer.
pub const HANDSHAKE_TIMEOUT: Duration = s(5);
/// How long the name server may take to tell an agent who holds a key.
pub const ADMISSION_TIMEOUT: Duration = s(3);
/// How often an agent's log says at most that a peer was refused: unknown peers are not to fill the disk.
pub const TURNED_AWAY_INTERVAL: Duration = s(10);
/// A peer that has not been admitted by then, when the name server tries its own keys, will not be.
pub const TRIAL_TIMEOUT: Duration = s(3);

// Control requests.

/// How long the first connection to a name server may take.
pub const LINK_CONNECT_TIMEOUT: Duration = s(3);
/// How long a control request that needs no work may take, and an answer to a proxy or a command for which
/// nothing else is said.
pub const CONTROL_TIMEOUT: Duration = s(10);
/// The other side keeps a deadline too, and is left so much longer, to be the first to speak.
pub const ANSWER_MARGIN: Duration = s(1);
/// After how long the name server forgets a request that names no limit.
pub const ROUTE_TIMEOUT: Millis = Millis::from_secs(600);
/// How long the name server may take to show that it is there, or how an agent stands, when the time for an
/// answer is up.
pub const LAST_LOOK_TIMEOUT: Duration = ms(500);

// Who looks at what passes.

/// How often one who taps an agent asks that it goes on,
pub const TAP_INTERVAL: Duration = s(3);
/// and for how long the agent shows what passes to one who does not.
pub const TAP_TIMEOUT: Duration = s(10);
/// How long who taps an agent waits for its socket, before it asks by the control connection,
pub const TAP_DIAL_TIMEOUT: Duration = s(1);
/// where an answer waits so long for something to pass.
pub const TAP_PIECE_TIMEOUT: Duration = s(2);
/// How often one that shows nothing is asked again.
pub const TAP_RETRY_INTERVAL: Duration = s(1);
/// How often an agent gives a piece of what passes to the control connection at most.
pub const TAP_PIECE_INTERVAL: Duration = ms(250);
/// How long an agent counts what goes through its sockets after the last question.
pub const RATE_TIMEOUT: Duration = s(30);

// What agents wait for.

/// How long an agent's request waits that names no limit.
pub const REQUEST_TIMEOUT: Duration = s(30);
/// How long the name server may take to say where a socket is.
pub const RESOLVE_TIMEOUT: Duration = s(10);
/// How long a peer may take to say that it has seen a subscription, or to subscribe.
pub const PROOF_TIMEOUT: Duration = s(10);
/// How long until a proof that came to nothing is tried again.
pub const PROOF_RETRY_INTERVAL: Duration = s(1);
/// A connection that is younger than its peer by less than this may be to that very peer: news of it is on
/// its way for a while.
pub const NEWS_TRAVEL_TIMEOUT: Duration = ms(500);
/// How often a program is asked for a sign of life that answers such questions.
pub const PING_INTERVAL: Duration = s(2);
/// A program that has not answered for so long hangs.
pub const PONG_TIMEOUT: Duration = s(10);
/// A program that is busy with one thing for so long is shown as that.
pub const BUSY_NOTICE_TIMEOUT: Duration = s(2);
/// An agent whose loop has stood still for so long has itself been away, and what it has missed is no fault of its program.
pub const AWAY_TIMEOUT: Duration = s(3);
/// How long the other end may take to give its account of what has arrived.
pub const ACCOUNT_TIMEOUT: Duration = s(5);
/// How long a line may be begun and not ended before what there is of it is kept.
pub const UNFINISHED_LINE_TIMEOUT: Duration = s(1);

// What a topology has if it says nothing.

/// How long an agent may take to start and to be wired.
pub const START_TIMEOUT: Millis = Millis::from_secs(30);
/// How long a program is watched that does not say that it is ready. One that cannot begin, for want of a
/// file or a module, has ended by then.
pub const SETTLE_TIME: Millis = Millis::new(500);
/// How often a probe is run.
pub const PROBE_INTERVAL: Millis = Millis::new(500);
/// Between two attempts at a port that a program is to open.
pub const PORT_PROBE_INTERVAL: Duration = ms(100);
/// How long after a health check the next one begins,
pub const HEALTH_INTERVAL: Millis = Millis::from_secs(10);
/// and, as long as none has succeeded, at most.
pub const FIRST_HEALTH_INTERVAL: Duration = s(1);
/// How long a health check may take.
pub const HEALTH_TIMEOUT: Millis = Millis::from_secs(2);
/// For how long a program may fail its health checks when it begins.
pub const HEALTH_GRACE: Millis = Millis::from_secs(10);
/// How long it may take to find out that no process has a port of this machine.
pub const PORT_PROBE_TIMEOUT: Duration = ms(200);

// `up`.

/// How long a name server may take to say where it listens.
pub const NAME_SERVER_TIMEOUT: Duration = s(10);
/// How long a host daemon may take to dial the name server.
pub const HOST_TIMEOUT: Duration = s(10);
/// How often a daemon that others start looks for its name server.
pub const JOIN_INTERVAL: Duration = s(1);
/// How long to wait for the report of a death that something else has already shown.
pub const DEATH_REPORT_TIMEOUT: Duration = s(2);
/// How long living members may take to come back to a name server that runs again.
pub const RETURN_TIMEOUT: Duration = s(10);
/// How long a daemon may take to say which agents it has, to `up` that mends.
pub const ROLL_CALL_TIMEOUT: Duration = s(3);
/// How long what a dead `up` has begun may take to be cleared away.
pub const CLEAN_UP_TIMEOUT: Duration = s(20);
/// How long a new holder of a system's lock may take to write its name.
pub const LOCK_NAME_TIMEOUT: Duration = ms(50);

/// How long the port of an agent's former life may be in use still, until the socket takes another.
pub const FORMER_PORT_TIMEOUT: Duration = ms(200);
/// How often it is tried.
pub const FORMER_PORT_INTERVAL: Duration = ms(10);

// What is stopped.

/// How long agents may take to end before they are sent SIGTERM, unless their specs or the caller say otherwise.
pub const STOP_GRACE: Millis = Millis::from_secs(5);
/// The same for those that have nothing to finish: of a system that failed, or of a former life.
pub const SHORT_GRACE: Millis = Millis::from_secs(2);
/// Between SIGTERM and SIGKILL for an agent's program, which is killed when the grace is over; and two fifths of the grace at most.
pub const PROGRAM_TERM_TIMEOUT: Duration = s(2);
/// How long queued messages may take to leave, once the program has ended.
pub const LINGER_TIMEOUT: Duration = s(1);
/// How often to look meanwhile whether libzmq's queues are empty: it does not tell.
pub const LINGER_INTERVAL: Duration = ms(10);
/// Between SIGTERM and SIGKILL for agents, at most: an agent that has ignored the request hardly needs longer.
pub const TERM_TIMEOUT: Duration = s(2);
/// How long a command may take that is run because an agent has failed.
pub const ON_FAILED_TIMEOUT: Duration = s(60);
/// How long what is killed may take to end.
pub const KILL_TIMEOUT: Duration = s(2);
/// Beyond the grace: the later stop stages, and the answer's way.
pub const STOP_STAGES_TIMEOUT: Duration = s(6);
/// How long a service manager waits for a daemon that it has told to end, beyond the time that agents have.
pub const DAEMON_STOP_MARGIN: Duration = s(10);
/// How long a daemon may take to end when it has nothing more to do.
pub const DAEMON_END_TIMEOUT: Duration = s(3);
/// How long one may still be there that has told `down` that it ends.
pub const DAEMON_LEAVE_TIMEOUT: Duration = s(3);
/// How long a daemon may take to end, with its agents, when the connection of the `up` that launched it is cut.
pub const DAEMON_CUT_TIMEOUT: Duration = s(12);
/// How long the last message of a daemon may take to leave: perhaps there is no name server any more.
pub const LAST_WORD_TIMEOUT: Duration = ms(500);
/// How long the answer of a daemon may take to arrive that has ended.
pub const LATE_ANSWER_TIMEOUT: Duration = s(1);
/// How long the name server may take to answer `down`.
pub const DOWN_TIMEOUT: Duration = s(3);

// Other machines.

/// How long ssh may take to connect.
pub const SSH_CONNECT_TIMEOUT: Duration = s(10);
/// Until the other machine says its first word: ssh has no limit for one that hangs in the middle of
/// authentication.
pub const SSH_FIRST_WORD_TIMEOUT: Duration = s(20);
/// For an osb there to be found, and to say its version.
pub const SSH_FIND_TIMEOUT: Duration = s(20);
/// For copying osb, which is some megabytes.
pub const SSH_COPY_TIMEOUT: Duration = s(120);
/// For the other machine to say which files it lacks, and, while none moves, for anything else.
pub const SSH_STALL_TIMEOUT: Duration = s(120);
/// For osb there to do what it was asked, beyond the grace it was given.
pub const SSH_ANSWER_TIMEOUT: Duration = s(20);
/// How long the connection may take to close, with what ends there when it does.
pub const SSH_CLOSE_TIMEOUT: Duration = s(15);
/// How long what ssh still writes may take to be read, once it has ended.
pub const SSH_LAST_LINES_TIMEOUT: Duration = s(1);
/// For logs of former runs to be read there, and for the way.
pub const SSH_READ_TIMEOUT: Duration = s(60);
/// For a machine to look around.
pub const SSH_EXAMINE_TIMEOUT: Duration = s(20);
/// For a machine to dial others, which has a limit of its own for each.
pub const SSH_DIAL_TIMEOUT: Duration = s(60);
/// How long a connection that is tried may take, and the first word over it.
pub const DIAL_TIMEOUT: Duration = s(3);
/// How long a daemon may take to look around.
pub const EXAMINE_TIMEOUT: Duration = s(5);
/// How long what `doctor` has begun stays there, if it goes away without a word: longer than the other
/// machines take to be reached, to which osb is copied first.
pub const EXAMINATION_TIMEOUT: Duration = s(200);

// Commands.

/// How long an agent may take to tell what a word can be completed to: a person waits at the keyboard.
pub const COMPLETION_TIMEOUT: Duration = ms(500);
/// How long a machine may take to tell what a list has of it.
pub const LIST_TIMEOUT: Duration = s(2);
/// How long a machine waits for its logs to grow, before it is asked again.
pub const LOG_WAIT_INTERVAL: Millis = Millis::from_secs(20);
/// The longest that one request waits for logs to grow.
pub const LONGEST_LOG_WAIT: Millis = Millis::from_secs(30);
/// How long a machine may take to answer with logs, beyond the time that it is to wait.
pub const LOG_ANSWER_TIMEOUT: Duration = s(5);
/// How long lines of logs that wait at the end may take to be written.
pub const LOG_FLUSH_TIMEOUT: Duration = ms(200);
/// How long the last lines may take to be shown when the system is gone.
pub const LAST_LINES_TIMEOUT: Duration = s(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends first, and what it is part of.
    #[track_caller]
    fn fits(inner: Duration, outer: Duration) {
        assert!(inner < outer, "{inner:?} does not fit into {outer:?}");
    }

    #[test]
    fn one_lost_heartbeat_makes_nobody_suspect() {
        fits(2 * HEARTBEAT_INTERVAL, SUSPECT_TIMEOUT);
        fits(SUSPECT_TIMEOUT, UNREACHABLE_TIMEOUT);
        // A member that the name server has forgotten is back before others would miss it.
        assert!(ANNOUNCEMENT_TIMEOUT <= UNREACHABLE_TIMEOUT);
    }

    #[test]
    fn dead_connections_are_noticed_about_when_leases_run_out() {
        fits(KEEPALIVE_INTERVAL, KEEPALIVE_IDLE_TIMEOUT);
        let probes = KEEPALIVE_INTERVAL * KEEPALIVE_PROBES.unsigned_abs();
        let idle = KEEPALIVE_IDLE_TIMEOUT + probes;
        let busy = DEAD_PEER_TIMEOUT + DEAD_PEER_INTERVAL;
        for noticed in [idle, busy] {
            fits(SUSPECT_TIMEOUT, noticed);
            fits(noticed, 2 * UNREACHABLE_TIMEOUT);
        }
        fits(DEAD_PEER_INTERVAL, DEAD_PEER_TIMEOUT);
    }

    #[test]
    fn whose_a_key_is_is_told_while_the_handshake_waits() {
        fits(ADMISSION_TIMEOUT, HANDSHAKE_TIMEOUT);
        fits(TRIAL_TIMEOUT, HANDSHAKE_TIMEOUT);
        fits(LINK_CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT);
        fits(HANDSHAKE_TIMEOUT, CONTROL_TIMEOUT);
        fits(HANDSHAKE_TIMEOUT, PROOF_TIMEOUT);
    }

    #[test]
    fn who_asks_waits_longer_than_who_is_asked() {
        fits(LAST_LOOK_TIMEOUT, CONTROL_TIMEOUT);
        fits(ANSWER_MARGIN, DOWN_TIMEOUT);
        fits(CONTROL_TIMEOUT, REQUEST_TIMEOUT);
        fits(REQUEST_TIMEOUT + ANSWER_MARGIN, ROUTE_TIMEOUT.duration());
        fits(LOG_WAIT_INTERVAL.duration(), LONGEST_LOG_WAIT.duration());
        fits(LIST_TIMEOUT, CONTROL_TIMEOUT);
    }

    #[test]
    fn a_wire_can_be_resolved_and_proven_while_its_agent_starts() {
        let start = START_TIMEOUT.duration();
        fits(RESOLVE_TIMEOUT + PROOF_TIMEOUT, start);
        fits(PROOF_RETRY_INTERVAL, PROOF_TIMEOUT);
        fits(NEWS_TRAVEL_TIMEOUT, HEARTBEAT_INTERVAL);
        fits(SETTLE_TIME.duration(), start);
        fits(PROBE_INTERVAL.duration(), start);
        fits(PORT_PROBE_INTERVAL, PROBE_INTERVAL.duration());
        fits(HOST_TIMEOUT, start);
        fits(NAME_SERVER_TIMEOUT, start);
    }

    #[test]
    fn one_late_pong_makes_no_program_suspect() {
        fits(2 * PING_INTERVAL, PONG_TIMEOUT);
        // The loop turns with each heartbeat.
        fits(2 * HEARTBEAT_INTERVAL, AWAY_TIMEOUT);
        fits(AWAY_TIMEOUT, PONG_TIMEOUT);
        fits(2 * HEARTBEAT_INTERVAL, HUNG_LOOK_INTERVAL);
        fits(FIRST_HEALTH_INTERVAL, HEALTH_INTERVAL.duration());
        fits(HEALTH_TIMEOUT.duration(), HEALTH_INTERVAL.duration());
    }

    #[test]
    fn each_stage_of_a_stop_ends_before_the_one_around_it() {
        let grace = STOP_GRACE.duration();
        fits(SHORT_GRACE.duration(), grace);
        // An agent has sent its program SIGTERM before it is sent that itself, and is gone in time.
        fits(PROGRAM_TERM_TIMEOUT + LINGER_TIMEOUT, grace);
        assert!(PROGRAM_TERM_TIMEOUT <= grace * 2 / 5);
        fits(LINGER_INTERVAL, LINGER_TIMEOUT);
        fits(TERM_TIMEOUT + KILL_TIMEOUT, STOP_STAGES_TIMEOUT);
        fits(STOP_STAGES_TIMEOUT + DAEMON_END_TIMEOUT, DAEMON_STOP_MARGIN);
        fits(LAST_WORD_TIMEOUT, DAEMON_END_TIMEOUT);
        fits(LATE_ANSWER_TIMEOUT, DAEMON_END_TIMEOUT);
        fits(grace + STOP_STAGES_TIMEOUT, DAEMON_CUT_TIMEOUT);
    }

    #[test]
    fn what_is_done_on_another_machine_ends_before_ssh_is_given_up() {
        fits(SSH_CONNECT_TIMEOUT, SSH_FIRST_WORD_TIMEOUT);
        fits(DAEMON_CUT_TIMEOUT, SSH_CLOSE_TIMEOUT);
        fits(SSH_CLOSE_TIMEOUT, CLEAN_UP_TIMEOUT);
        let former = SHORT_GRACE.duration() + STOP_STAGES_TIMEOUT;
        fits(former + NAME_SERVER_TIMEOUT, SSH_ANSWER_TIMEOUT);
        fits(
            STOP_STAGES_TIMEOUT + DAEMON_LEAVE_TIMEOUT,
            SSH_ANSWER_TIMEOUT,
        );
        fits(2 * DIAL_TIMEOUT, SSH_DIAL_TIMEOUT);
        let found = SSH_FIRST_WORD_TIMEOUT + SSH_FIND_TIMEOUT;
        let reached = found + SSH_COPY_TIMEOUT + SSH_EXAMINE_TIMEOUT;
        fits(reached, EXAMINATION_TIMEOUT);
    }

    #[test]
    fn down_waits_for_what_up_would_mend() {
        fits(DEATH_REPORT_TIMEOUT, CONTROL_TIMEOUT);
        fits(ROLL_CALL_TIMEOUT, RETURN_TIMEOUT);
        // All are back by then that announce themselves once more.
        fits(SUSPECT_TIMEOUT, RETURN_TIMEOUT);
        fits(RECONNECT_TIMEOUT, UNREACHABLE_TIMEOUT);
        fits(LAST_WORDS_TIMEOUT, DEATH_REPORT_TIMEOUT);
        fits(LOCK_NAME_TIMEOUT, CLEAN_UP_TIMEOUT);
        fits(FORMER_PORT_INTERVAL, FORMER_PORT_TIMEOUT);
        fits(JOIN_INTERVAL, HOST_TIMEOUT);
    }
}
