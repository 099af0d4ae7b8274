//! A queue is full by its bytes, too.
//!
//! libzmq counts the messages of a queue (`ZMQ_RCVHWM`, `ZMQ_SNDHWM`), whatever their size: 20,000 messages, which is
//! few when they are small, are 300 GiB when they are as large as they may be. On the connections that a socket
//! accepts and that is asked to, a message counts once, and once more for each so many bytes that it has. Nothing is
//! ever too large for an empty queue.
//!
//! Options that no other libzmq has, each an int, before the socket is bound: 0x6f736209: so many bytes in the queue
//! of what comes in; 0x6f73620a: of what goes out. 0, as in the beginning: bytes do not count.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "queue_bytes",
    edits: &[
        Edit {
            file: "src/options.hpp",
            from: "    //  How many frames a message may have. 0: any number.\n",
            to: r#"
    //  A message counts once more in a queue for each so many bytes. 0: for none.
    int in_queue_unit;
    int out_queue_unit;

    //  How many frames a message may have. 0: any number.
"#,
        },
        Edit {
            file: "src/options.cpp",
            from: "    max_frames (0),\n",
            to: "    in_queue_unit (0),\n    out_queue_unit (0),\n    max_frames (0),\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    if (option_ == 0x6f736208 && optvallen_ == sizeof (int)) {\n",
            to: r#"
    if (option_ == 0x6f736209 && optvallen_ == sizeof (int)) {
        options.in_queue_unit = *static_cast<const int *> (optval_);
        return 0;
    }
    if (option_ == 0x6f73620a && optvallen_ == sizeof (int)) {
        options.out_queue_unit = *static_cast<const int *> (optval_);
        return 0;
    }
    if (option_ == 0x6f736208 && optvallen_ == sizeof (int)) {
"#,
        },
        Edit {
            file: "src/session_base.cpp",
            from: "        //  Plug the local end of the pipe.\n        pipes[0]->set_event_sink (this);\n",
            to: r#"
        //  Both ends count alike. A session that dials may change its pipe while
        //  it stands, and is left alone.
        if (!_active) {
            pipes[0]->set_units (options.out_queue_unit, options.in_queue_unit);
            pipes[1]->set_units (options.in_queue_unit, options.out_queue_unit);
        }

        //  Plug the local end of the pipe.
        pipes[0]->set_event_sink (this);
"#,
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  How many messages the other end has not read yet.\n",
            to: r#"
    //  How many bytes of a message count as one more message, of what is read
    //  from this end, and of what is written to it. 0: none.
    void set_units (int in_, int out_);

    //  How many messages the other end has not read yet.
"#,
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  The same as _msgs_read, for the other end's thread.\n",
            to: r#"
    //  Where bytes count: how many messages have gone each way and how many
    //  their bytes count for, and those of the frames of one that goes.
    struct load_t
    {
        size_t unit;
        uint64_t whole;
        uint64_t part;
        void add (const msg_t &msg_, bool more_);
    };
    load_t _load_in, _load_out;

    //  The same as _msgs_read, for the other end's thread.
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    _taken (0),\n",
            to: "    _load_in (),\n    _load_out (),\n    _taken (0),\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    if (_lwm > 0 && _msgs_read % _lwm == 0)\n        send_activate_write (_peer, _msgs_read);\n",
            to: r#"
    if (unlikely (_load_in.unit > 0)) {
        const uint64_t before = _load_in.whole;
        _load_in.add (*msg_, (msg_->flags () & msg_t::more) != 0);
        if (_lwm > 0 && before / _lwm != _load_in.whole / _lwm)
            send_activate_write (_peer, _load_in.whole);
        return true;
    }

    if (_lwm > 0 && _msgs_read % _lwm == 0)
        send_activate_write (_peer, _msgs_read);
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    _out_pipe->write (*msg_, more);\n",
            to: "    if (unlikely (_load_out.unit > 0))\n        _load_out.add (*msg_, more);\n    _out_pipe->write (*msg_, more);\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    //  Remove incomplete message from the outbound pipe.\n    msg_t msg;\n",
            to: "    //  Remove incomplete message from the outbound pipe.\n    _load_out.part = 0;\n    msg_t msg;\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "void zmq::pipe_t::rollback () const\n",
            to: "void zmq::pipe_t::rollback ()\n",
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    void rollback () const;\n",
            to: "    void rollback ();\n",
        },
        Edit {
            file: "src/pipe.cpp",
            from: "      _hwm > 0 && _msgs_written - _peers_msgs_read >= uint64_t (_hwm);\n",
            to: r#"
      _hwm > 0
      && (_load_out.unit > 0 ? _load_out.whole : _msgs_written)
             - _peers_msgs_read
           >= uint64_t (_hwm);
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "uint64_t zmq::pipe_t::queued () const\n",
            to: r#"
void zmq::pipe_t::set_units (int in_, int out_)
{
    _load_in.unit = in_ > 0 ? in_ : 0;
    _load_out.unit = out_ > 0 ? out_ : 0;
}

void zmq::pipe_t::load_t::add (const msg_t &msg_, bool more_)
{
    if (msg_.is_routing_id ())
        return;
    part += msg_.size () / unit;
    if (!more_) {
        whole += part + 1;
        part = 0;
    }
}

uint64_t zmq::pipe_t::queued () const
"#,
        },
    ],
};
