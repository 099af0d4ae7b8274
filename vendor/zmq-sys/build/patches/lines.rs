//! A socket tells what went through each of its connections, called lines here.
//!
//! What a socket has given to a connection that then ends is lost, as far as the other end has not received it;
//! and libzmq tells neither how much that was nor by which connection it went. Here, a socket that is asked to
//! keeps a record of each line: both its ends, and how many messages went each way. A line begins when a
//! handshake is done. One that was dialled ends with its engine: what was not handed to that engine waits for the
//! next line. One that was accepted ends with its pipe: all that was put there goes with it. Nothing is counted
//! that libzmq does not count already; only one number of each pipe, how many messages were taken from it, can
//! be read by the other side now.
//!
//! Options that no other libzmq has:
//!
//! | | | |
//! |---|---|---|
//! | set | 0x6f736203 | an int: 1 to keep records, before the socket is bound or connected |
//! | get | 0x6f736204 | text: a line of the form below for each line that stands |
//! | get | 0x6f736205 | text: one that has ended, which is forgotten then; empty if there is none |
//! | get | 0x6f736206 | 64 bits: how many messages have been taken by the socket, and not by a line |
//!
//! `dialled|accepted HERE THERE GIVEN RECEIVED`, where `-` stands for no line at all: messages that waited for
//! one when the connection was given up.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "lines",
    edits: &[
        Edit {
            file: "src/pipe.hpp",
            from: "#include \"ypipe_base.hpp\"\n",
            to: "#include <atomic>\n\n#include \"ypipe_base.hpp\"\n",
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  True at the first call for each serial number.\n",
            to: r#"
    //  How many messages have been read from, or written to, this end.
    uint64_t msgs_read () const { return _msgs_read; }
    uint64_t msgs_written () const { return _msgs_written; }

    //  How many messages the other end has not read yet.
    uint64_t queued () const;

    //  The other end, to be told from others; it may be gone.
    const pipe_t *peer () const { return _peer; }

    //  True at the first call for each serial number.
"#,
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  Serial number of the last message that did not get into this pipe.\n",
            to: r#"
    //  The same as _msgs_read, for the other end's thread.
    std::atomic<uint64_t> _taken;

    //  Serial number of the last message that did not get into this pipe.
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    _missed (0),\n",
            to: "    _taken (0),\n    _missed (0),\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    if (!(msg_->flags () & msg_t::more) && !msg_->is_routing_id ())\n        _msgs_read++;\n",
            to: r#"
    if (!(msg_->flags () & msg_t::more) && !msg_->is_routing_id ()) {
        _msgs_read++;
        _taken.store (_msgs_read, std::memory_order_relaxed);
    }
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "bool zmq::pipe_t::check_hwm () const\n",
            to: r#"
uint64_t zmq::pipe_t::queued () const
{
    //  In these states, the other end has been told that it may go.
    if (_state == term_ack_sent || _state == term_req_sent2)
        return 0;
    const uint64_t taken = _peer->_taken.load (std::memory_order_relaxed);
    return _msgs_written > taken ? _msgs_written - taken : 0;
}

bool zmq::pipe_t::check_hwm () const
"#,
        },
        Edit {
            file: "src/session_base.hpp",
            from: "    //  Pipe used to exchange messages with ZAP socket.\n    zmq::pipe_t *_zap_pipe;\n",
            to: r#"
    //  Number of the line that stands, or 0.
    uint64_t _line;

    //  Pipe used to exchange messages with ZAP socket.
    zmq::pipe_t *_zap_pipe;
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "    _pipe (NULL),\n    _zap_pipe (NULL),\n",
            to: "    _pipe (NULL),\n    _line (0),\n    _zap_pipe (NULL),\n",
        },
        Edit {
            file: "src/session_base.cpp",
            from: "        send_bind (_socket, pipes[1]);\n    }\n",
            to: r#"
        _line = _socket->line_begins (_pipe, _active, _engine->get_endpoint ());
        send_bind (_socket, pipes[1]);
    } else if (_pipe)
        _line = _socket->line_begins (_pipe, _active, _engine->get_endpoint ());
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "    if (_pipe) {\n        clean_pipes ();\n",
            to: r#"
    const uint64_t line = _line;
    _line = 0;
    if (_pipe) {
        clean_pipes ();
        if (_active && line)
            _socket->line_ends (_pipe, line);
"#,
        },
        Edit {
            file: "src/socket_base.hpp",
            from: "    bool is_disconnected () const;\n",
            to: r#"
    bool is_disconnected () const;

    //  A session has finished a handshake; its line is over. The pipe is the
    //  session's end. To be called by the session's thread.
    uint64_t line_begins (const pipe_t *pipe_,
                          bool dialled_,
                          const endpoint_uri_pair_t &endpoint_);
    void line_ends (const pipe_t *pipe_, uint64_t line_);
"#,
        },
        Edit {
            file: "src/socket_base.hpp",
            from: "    //  Map of open endpoints.\n",
            to: r#"
    //  What is known of the line of a pipe: one that stands, or the last one.
    struct line_t
    {
        uint64_t number;
        bool stands;
        bool dialled;
        std::string here, there;
        //  What went each way by former lines of the pipe.
        uint64_t given_before, received_before;
    };

    //  What the two options for lines tell.
    static std::string line_text (const line_t &line_,
                                  uint64_t given_,
                                  uint64_t received_);
    std::string lines_text ();
    int get_ended_line (void *optval_, size_t *optvallen_);
    void line_goes_with (const pipe_t *pipe_);

    bool _keeps_lines;
    uint64_t _last_line;

    //  By this socket's end of the pipe. Sessions write here, too.
    std::map<const pipe_t *, line_t> _lines;
    std::deque<std::string> _ended_lines;
    mutex_t _lines_sync;

    //  Map of open endpoints.
"#,
        },
        Edit {
            file: "src/socket_base.hpp",
            from: "#include <string>\n#include <map>\n",
            to: "#include <string>\n#include <deque>\n#include <map>\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    _thread_safe (thread_safe_),\n",
            to: "    _keeps_lines (false),\n    _last_line (0),\n    _thread_safe (thread_safe_),\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    //  First, check whether specific socket type overloads the option.\n    int rc = xsetsockopt (option_, optval_, optvallen_);\n",
            to: r#"
    if (option_ == 0x6f736203 && optvallen_ == sizeof (int)) {
        _keeps_lines = *static_cast<const int *> (optval_) != 0;
        return 0;
    }

    //  First, check whether specific socket type overloads the option.
    int rc = xsetsockopt (option_, optval_, optvallen_);
"#,
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    if (option_ == ZMQ_THREAD_SAFE) {\n",
            to: r#"
    if (option_ == 0x6f736204)
        return do_getsockopt (optval_, optvallen_, lines_text ());
    if (option_ == 0x6f736205)
        return get_ended_line (optval_, optvallen_);
    if (option_ == 0x6f736206) {
        uint64_t queued = 0;
        for (pipes_t::size_type i = 0, size = _pipes.size (); i != size; ++i)
            queued += _pipes[i]->queued ();
        return do_getsockopt<uint64_t> (optval_, optvallen_, queued);
    }

    if (option_ == ZMQ_THREAD_SAFE) {
"#,
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    //  Notify the specific socket type about the pipe termination.\n    xpipe_terminated (pipe_);\n",
            to: r#"
    line_goes_with (pipe_);
    //  Notify the specific socket type about the pipe termination.
    xpipe_terminated (pipe_);
"#,
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "void zmq::socket_base_t::read_activated (pipe_t *pipe_)\n",
            to: r#"
uint64_t
zmq::socket_base_t::line_begins (const pipe_t *pipe_,
                                 bool dialled_,
                                 const endpoint_uri_pair_t &endpoint_)
{
    if (!_keeps_lines)
        return 0;
    scoped_lock_t lock (_lines_sync);
    line_t &line = _lines[pipe_->peer ()];
    line.number = ++_last_line;
    line.stands = true;
    line.dialled = dialled_;
    line.here = endpoint_.local;
    line.there = endpoint_.remote;
    //  What the session reads is what this socket gives.
    line.given_before = pipe_->msgs_read ();
    line.received_before = pipe_->msgs_written ();
    return line.number;
}

void zmq::socket_base_t::line_ends (const pipe_t *pipe_, uint64_t line_)
{
    scoped_lock_t lock (_lines_sync);
    const std::map<const pipe_t *, line_t>::iterator it =
      _lines.find (pipe_->peer ());
    //  The pipe may have gone, and its place have been given to another.
    if (it == _lines.end () || it->second.number != line_)
        return;
    line_t &line = it->second;
    line.stands = false;
    _ended_lines.push_back (
      line_text (line, pipe_->msgs_read () - line.given_before,
                 pipe_->msgs_written () - line.received_before));
    line.given_before = pipe_->msgs_read ();
}

void zmq::socket_base_t::line_goes_with (const pipe_t *pipe_)
{
    if (!_keeps_lines)
        return;
    scoped_lock_t lock (_lines_sync);
    line_t none = line_t ();
    const std::map<const pipe_t *, line_t>::iterator it = _lines.find (pipe_);
    line_t &line = it == _lines.end () ? none : it->second;
    const uint64_t given = pipe_->msgs_written () - line.given_before;
    if (line.stands) {
        const uint64_t received = pipe_->msgs_read () > line.received_before
                                    ? pipe_->msgs_read () - line.received_before
                                    : 0;
        _ended_lines.push_back (line_text (line, given, received));
    } else if (given > 0) {
        line.here = line.there = "-";
        _ended_lines.push_back (line_text (line, given, 0));
    }
    if (it != _lines.end ())
        _lines.erase (it);
}

std::string zmq::socket_base_t::line_text (const line_t &line_,
                                           uint64_t given_,
                                           uint64_t received_)
{
    return std::string (line_.dialled ? "dialled " : "accepted ")
           + line_.here + ' ' + line_.there + ' ' + std::to_string (given_)
           + ' ' + std::to_string (received_) + '\n';
}

std::string zmq::socket_base_t::lines_text ()
{
    std::string text;
    scoped_lock_t lock (_lines_sync);
    for (pipes_t::size_type i = 0, size = _pipes.size (); i != size; ++i) {
        const pipe_t *pipe = _pipes[i];
        const std::map<const pipe_t *, line_t>::const_iterator it =
          _lines.find (pipe);
        if (it == _lines.end () || !it->second.stands)
            continue;
        const line_t &line = it->second;
        const uint64_t received = pipe->msgs_read () > line.received_before
                                    ? pipe->msgs_read () - line.received_before
                                    : 0;
        text += line_text (line, pipe->msgs_written () - line.given_before,
                           received);
    }
    return text;
}

int zmq::socket_base_t::get_ended_line (void *optval_, size_t *optvallen_)
{
    scoped_lock_t lock (_lines_sync);
    const std::string text =
      _ended_lines.empty () ? std::string () : _ended_lines.front ();
    const int rc = do_getsockopt (optval_, optvallen_, text);
    if (rc == 0 && !_ended_lines.empty ())
        _ended_lines.pop_front ();
    return rc;
}

void zmq::socket_base_t::read_activated (pipe_t *pipe_)
"#,
        },
    ],
};
