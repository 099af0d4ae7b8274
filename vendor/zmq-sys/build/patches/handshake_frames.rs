//! Before a handshake is done, no frame is larger than a handshake's frames are.
//!
//! libzmq makes room for what a frame announces, up to `ZMQ_MAXMSGSIZE`, whoever announces it: so each unknown peer
//! could have it keep as much as the largest message. CURVE's frames have 257 bytes and the metadata of a peer, which are
//! a few hundred more; all that is longer than 4 KiB ends the connection.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "handshake_frames",
    edits: &[
        Edit {
            file: "src/i_decoder.hpp",
            from: "    virtual msg_t *msg () = 0;\n",
            to: r#"
    virtual msg_t *msg () = 0;

    //  Frames that are larger are refused from now on; -1: none is.
    virtual void set_max_msg_size (int64_t) {}
"#,
        },
        Edit {
            file: "src/v2_decoder.hpp",
            from: "    msg_t *msg () { return &_in_progress; }\n",
            to: r#"
    msg_t *msg () { return &_in_progress; }
    void set_max_msg_size (int64_t max_) { _max_msg_size = max_; }
"#,
        },
        Edit {
            file: "src/v2_decoder.hpp",
            from: "    const int64_t _max_msg_size;\n",
            to: "    int64_t _max_msg_size;\n",
        },
        Edit {
            file: "src/zmtp_engine.cpp",
            from: "bool zmq::zmtp_engine_t::handshake_v3_x (const bool downgrade_sub_)\n{\n",
            to: r#"
//  Larger than any frame of a handshake.
const int64_t handshake_frame_size = 4096;

bool zmq::zmtp_engine_t::handshake_v3_x (const bool downgrade_sub_)
{
    //  Until mechanism_ready ().
    if (_options.maxmsgsize < 0 || _options.maxmsgsize > handshake_frame_size)
        _decoder->set_max_msg_size (handshake_frame_size);

"#,
        },
        Edit {
            file: "src/stream_engine_base.cpp",
            from: "void zmq::stream_engine_base_t::mechanism_ready ()\n{\n",
            to: "void zmq::stream_engine_base_t::mechanism_ready ()\n{\n    _decoder->set_max_msg_size (_options.maxmsgsize);\n\n",
        },
    ],
};
