//! A message has so many frames at most, and so many bytes in all of them.
//!
//! libzmq bounds each frame (`ZMQ_MAXMSGSIZE`), and a queue by its whole messages (`ZMQ_RCVHWM`). The frames of a
//! message that is not whole yet count nowhere, and no application ever sees them: whoever sends frames without a last
//! one is kept in memory until there is none left. A socket that is asked to ends the connection of such a peer.
//!
//! An option that no other libzmq has: set 0x6f736208, an int: the number of frames; 0, as in the beginning: any. With
//! it, the frames of a message have `ZMQ_MAXMSGSIZE` bytes in all, and 64 KiB for what goes along.
//!
//! A connection that has shaken hands and ends by an error in the protocol was given up for good by the one who had
//! dialled it, and no one was told. With this option it is dialled again, as any other that ends.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "message_bounds",
    edits: &[
        Edit {
            file: "src/options.hpp",
            from: "    //  Whether ZAP is told the cookie of a connection, too.\n",
            to: r#"
    //  How many frames a message may have. 0: any number.
    int max_frames;

    //  Whether ZAP is told the cookie of a connection, too.
"#,
        },
        Edit {
            file: "src/options.cpp",
            from: "    zap_cookie (false),\n",
            to: "    max_frames (0),\n    zap_cookie (false),\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    if (option_ == 0x6f736207 && optvallen_ == sizeof (int)) {\n",
            to: r#"
    if (option_ == 0x6f736208 && optvallen_ == sizeof (int)) {
        options.max_frames = *static_cast<const int *> (optval_);
        return 0;
    }
    if (option_ == 0x6f736207 && optvallen_ == sizeof (int)) {
"#,
        },
        Edit {
            file: "src/session_base.hpp",
            from: "    //  Number of the line that stands, or 0.\n",
            to: r#"
    //  Whether one more frame is within the bounds of a message.
    bool is_within_bounds (const msg_t &msg_) const;

    //  How much has come in of a message that is not whole yet.
    int _frames_in;
    uint64_t _bytes_in;

    //  Number of the line that stands, or 0.
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "    _line (0),\n",
            to: "    _frames_in (0),\n    _bytes_in (0),\n    _line (0),\n",
        },
        Edit {
            file: "src/session_base.cpp",
            from: "int zmq::session_base_t::push_msg (msg_t *msg_)\n{\n",
            to: r#"
bool zmq::session_base_t::is_within_bounds (const msg_t &msg_) const
{
    if (options.max_frames == 0)
        return true;
    const uint64_t beside = 65536;
    const bool few = _frames_in < options.max_frames;
    return few
           && (options.maxmsgsize < 0
               || _bytes_in + msg_.size ()
                    <= static_cast<uint64_t> (options.maxmsgsize) + beside);
}

int zmq::session_base_t::push_msg (msg_t *msg_)
{
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "    if (_pipe && _pipe->write (msg_)) {\n        const int rc = msg_->init ();\n",
            to: r#"
    const bool more = (msg_->flags () & msg_t::more) != 0;
    //  Nothing is counted of a message that has only one frame.
    const bool counts = more || _frames_in > 0;
    if (unlikely (counts && !is_within_bounds (*msg_))) {
        errno = EMSGSIZE;
        return -1;
    }
    if (_pipe && _pipe->write (msg_)) {
        if (counts) {
            _frames_in = more ? _frames_in + 1 : 0;
            _bytes_in = more ? _bytes_in + msg_->size () : 0;
        }
        const int rc = msg_->init ();
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "    //  Engine is dead. Let's forget about it.\n    _engine = NULL;\n",
            to: "    //  Engine is dead. Let's forget about it.\n    _engine = NULL;\n    _frames_in = 0;\n    _bytes_in = 0;\n",
        },
        Edit {
            file: "src/stream_engine_base.cpp",
            from: "    _socket->event_disconnected (_endpoint_uri_pair, _s);\n    _session->flush ();\n",
            to: r#"
    //  Who was admitted and then broke the protocol may be dialled again.
    if (_options.max_frames > 0 && _mechanism != NULL
        && _mechanism->status () == mechanism_t::ready)
        reason_ = connection_error;

    _socket->event_disconnected (_endpoint_uri_pair, _s);
    _session->flush ();
"#,
        },
    ],
};
