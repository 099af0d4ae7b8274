//! ZAP is told which connection it is asked about.
//!
//! libzmq tells it the IP address of the peer, and nothing by which the connection could be found again; so nobody
//! could end the connections of a key that is revoked, and only those. A socket that is asked to puts the kernel's
//! cookie of the connection behind the address: `127.0.0.1#4711`. The kernel draws a cookie once for each socket, of
//! TCP or Unix, and never uses it again; whoever has the descriptor can read it (`SO_COOKIE`).
//!
//! An option that no other libzmq has: set 0x6f736207, an int: 1 to tell the cookie, before the socket is bound.
//! If the kernel has none to tell, the address stands alone.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "zap_cookie",
    edits: &[
        Edit {
            file: "src/options.hpp",
            from: "    int64_t maxmsgsize;\n",
            to: "    int64_t maxmsgsize;\n\n    //  Whether ZAP is told the cookie of a connection, too.\n    bool zap_cookie;\n",
        },
        Edit {
            file: "src/options.cpp",
            from: "    maxmsgsize (-1),\n",
            to: "    maxmsgsize (-1),\n    zap_cookie (false),\n",
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    //  First, check whether specific socket type overloads the option.\n    int rc = xsetsockopt (option_, optval_, optvallen_);\n",
            to: r#"
    if (option_ == 0x6f736207 && optvallen_ == sizeof (int)) {
        options.zap_cookie = *static_cast<const int *> (optval_) != 0;
        return 0;
    }

    //  First, check whether specific socket type overloads the option.
    int rc = xsetsockopt (option_, optval_, optvallen_);
"#,
        },
        Edit {
            file: "src/stream_engine_base.hpp",
            from: "    const std::string _peer_address;\n",
            to: r#"
    const std::string _peer_address;

    //  What ZAP is told of where the peer is.
    std::string address_for_zap () const;
"#,
        },
        Edit {
            file: "src/stream_engine_base.cpp",
            from: "bool zmq::stream_engine_base_t::init_properties (properties_t &properties_)\n",
            to: r#"
std::string zmq::stream_engine_base_t::address_for_zap () const
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (!_options.zap_cookie
        || getsockopt (_s, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
        return _peer_address;
    return _peer_address + '#' + std::to_string (cookie);
}

bool zmq::stream_engine_base_t::init_properties (properties_t &properties_)
"#,
        },
        Edit {
            file: "src/zmtp_engine.cpp",
            from: "null_mechanism_t (session (), _peer_address, _options);\n",
            to: "null_mechanism_t (session (), address_for_zap (), _options);\n",
        },
        Edit {
            file: "src/zmtp_engine.cpp",
            from: "plain_server_t (session (), _peer_address, _options);\n",
            to: "plain_server_t (session (), address_for_zap (), _options);\n",
        },
        Edit {
            file: "src/zmtp_engine.cpp",
            from: "session (), _peer_address, _options, downgrade_sub_);\n",
            to: "session (), address_for_zap (), _options, downgrade_sub_);\n",
        },
    ],
};
