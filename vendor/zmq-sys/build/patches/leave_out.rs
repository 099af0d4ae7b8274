//! A socket that shares its messages out among connections, PUSH or DEALER, leaves one of them out: it stays, what it has
//! been given goes on its way, and messages come by it; new ones go to the others.
//!
//! A peer that is about to leave can so get and answer all that was meant for it, while the others have the rest. libzmq
//! knows no way to say so: whoever connects is given messages until the connection ends, and what is under way is lost then.
//!
//! An option that no other libzmq has:
//!
//! | | | |
//! |---|---|---|
//! | set | 0x6f736207 | text: the place of the end that dialled, as the lines tell it. `EINVAL` if no line that stands is called so |
//!
//! It holds as long as the pipe does: for one that was dialled, until it is disconnected.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "leave_out",
    edits: &[
        Edit {
            file: "src/pipe.hpp",
            from: "    //  How many messages the other end has not read yet.\n",
            to: r#"
    //  No more messages are written to this end.
    void leave_out () { _left_out = true; }

    //  How many messages the other end has not read yet.
"#,
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  The same as _msgs_read, for the other end's thread.\n",
            to: r#"
    //  Only the socket's thread sets and reads it.
    bool _left_out;

    //  The same as _msgs_read, for the other end's thread.
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    _taken (0),\n",
            to: "    _left_out (false),\n    _taken (0),\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    if (unlikely (!_out_active || _state != active))\n        return false;\n\n    const bool full",
            to: "    if (unlikely (!_out_active || _left_out || _state != active))\n        return false;\n\n    const bool full",
        },
        Edit {
            file: "src/socket_base.hpp",
            from: "    void line_goes_with (const pipe_t *pipe_);\n",
            to: "    void line_goes_with (const pipe_t *pipe_);\n    int leave_out (const std::string &line_);\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    //  First, check whether specific socket type overloads the option.\n    int rc = xsetsockopt (option_, optval_, optvallen_);\n",
            to: r#"
    if (option_ == 0x6f736207)
        return leave_out (
          std::string (static_cast<const char *> (optval_), optvallen_));

    //  First, check whether specific socket type overloads the option.
    int rc = xsetsockopt (option_, optval_, optvallen_);
"#,
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "int zmq::socket_base_t::get_ended_line (void *optval_, size_t *optvallen_)\n",
            to: r#"
int zmq::socket_base_t::leave_out (const std::string &line_)
{
    if (options.type == ZMQ_PUSH || options.type == ZMQ_DEALER) {
        scoped_lock_t lock (_lines_sync);
        for (pipes_t::size_type i = 0, size = _pipes.size (); i != size; ++i) {
            const std::map<const pipe_t *, line_t>::const_iterator it =
              _lines.find (_pipes[i]);
            if (it == _lines.end () || !it->second.stands)
                continue;
            const line_t &line = it->second;
            if ((line.dialled ? line.here : line.there) == line_) {
                _pipes[i]->leave_out ();
                return 0;
            }
        }
    }
    errno = EINVAL;
    return -1;
}

int zmq::socket_base_t::get_ended_line (void *optval_, size_t *optvallen_)
"#,
        },
    ],
};
