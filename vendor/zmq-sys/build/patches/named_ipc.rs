//! Whoever dials a Unix socket has a name there, as the port of whoever dials by TCP.
//!
//! Without one, both ends of a connection call it the same as all others, and what they have counted of it cannot
//! be laid side by side. The kernel draws a name that nobody else has, in its own name space: no file. If it does
//! not, the connection works all the same.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "named_ipc",
    edits: &[Edit {
        file: "src/ipc_connecter.cpp",
        from: "    //  Connect to the remote peer.\n    const int rc = ::connect (_s,",
        to: r#"
    //  An address without a name is a request for one.
    sockaddr_un any;
    memset (&any, 0, sizeof any);
    any.sun_family = AF_UNIX;
    const int named = ::bind (_s, reinterpret_cast<sockaddr *> (&any),
                              sizeof any.sun_family);
    LIBZMQ_UNUSED (named);

    //  Connect to the remote peer.
    const int rc = ::connect (_s,"#,
    }],
};
