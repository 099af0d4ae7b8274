//! A CURVE server changes its key while peers are connected, and they dial by the new one from then on.
//!
//! libzmq has one secret key for a socket, and copies it when the socket is bound: another one is for another socket. A
//! socket that was given its keys by this option has a present one and perhaps a former one, and both can be changed at
//! any time: the record is shared by the socket and all that listens for it, and each handshake reads it once, when it
//! begins. A client that dials by the former key is answered by the former key; ZAP is told behind the connection's
//! cookie by which of them: `127.0.0.1#4711#2`. Connections whose handshake is done have keys of their own, and go on.
//!
//! A socket that dials may be told another key of its server in the same way: its connections go on, and by that key it
//! dials when one has ended.
//!
//! Options that no other libzmq has: set 0x6f73620b: the present key, and perhaps the former one behind it, each as
//! its number (a uint32_t) and the 32 bytes of its secret half. Without it, as in the beginning, there is one key,
//! `ZMQ_CURVE_SECRETKEY`. Set 0x6f73620c: the 32 bytes of the key of the server that is dialled, in place of
//! `ZMQ_CURVE_SERVERKEY`. Each is to be given for the first time before the socket is bound, or connected.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "former_key",
    edits: &[
        Edit {
            file: "src/options.hpp",
            from: "#include <string>\n#include <vector>\n#include <map>\n",
            to: "#include <memory>\n#include <string>\n#include <vector>\n#include <map>\n\n#include \"mutex.hpp\"\n",
        },
        Edit {
            file: "src/options.hpp",
            from: "namespace zmq\n{\nstruct options_t\n{\n",
            to: r#"
namespace zmq
{
//  The keys of a CURVE server that can change: the present one first, and
//  perhaps the former one.
struct curve_server_keys_t
{
    curve_server_keys_t () : count (0) {}

    mutex_t sync;
    int count;
    uint32_t numbers[2];
    uint8_t secrets[2][CURVE_KEYSIZE];
};

//  The key of the server that a CURVE client dials, if it can change.
struct curve_dialled_key_t
{
    mutex_t sync;
    uint8_t key[CURVE_KEYSIZE];
};

struct options_t
{
"#,
        },
        Edit {
            file: "src/options.hpp",
            from: "    uint8_t curve_server_key[CURVE_KEYSIZE];\n",
            to: r#"
    uint8_t curve_server_key[CURVE_KEYSIZE];

    //  Shared with all copies of these options. Null: the key does not change.
    std::shared_ptr<curve_server_keys_t> curve_server_keys;
    std::shared_ptr<curve_dialled_key_t> curve_dialled_key;
"#,
        },
        Edit {
            file: "src/socket_base.cpp",
            from: "    if (option_ == 0x6f736207 && optvallen_ == sizeof (int)) {\n",
            to: r#"
    const size_t numbered_key = sizeof (uint32_t) + CURVE_KEYSIZE;
    if (option_ == 0x6f73620b
        && (optvallen_ == numbered_key || optvallen_ == 2 * numbered_key)) {
        if (!options.curve_server_keys)
            options.curve_server_keys.reset (new curve_server_keys_t);
        curve_server_keys_t &keys = *options.curve_server_keys;
        scoped_lock_t lock (keys.sync);
        keys.count = static_cast<int> (optvallen_ / numbered_key);
        const uint8_t *from = static_cast<const uint8_t *> (optval_);
        for (int i = 0; i < keys.count; ++i, from += numbered_key) {
            memcpy (&keys.numbers[i], from, sizeof (uint32_t));
            memcpy (keys.secrets[i], from + sizeof (uint32_t), CURVE_KEYSIZE);
        }
        return 0;
    }
    if (option_ == 0x6f73620c && optvallen_ == CURVE_KEYSIZE) {
        if (!options.curve_dialled_key)
            options.curve_dialled_key.reset (new curve_dialled_key_t);
        scoped_lock_t lock (options.curve_dialled_key->sync);
        memcpy (options.curve_dialled_key->key, optval_, CURVE_KEYSIZE);
        return 0;
    }
    if (option_ == 0x6f736207 && optvallen_ == sizeof (int)) {
"#,
        },
        Edit {
            file: "src/zap_client.hpp",
            from: "    const std::string peer_address;\n",
            to: "    std::string peer_address;\n",
        },
        Edit {
            file: "src/curve_server.hpp",
            from: "    uint8_t _secret_key[crypto_box_SECRETKEYBYTES];\n",
            to: r#"
    uint8_t _secret_key[crypto_box_SECRETKEYBYTES];

    //  How many keys there were when this handshake began, if they can change;
    //  then the one above is the present one until a HELLO was for the former.
    int _keys;
    uint32_t _number;
    uint32_t _former_number;
    uint8_t _former_key[crypto_box_SECRETKEYBYTES];
"#,
        },
        Edit {
            file: "src/curve_server.cpp",
            from: "                            downgrade_sub_)\n{\n    int rc;\n",
            to: "                            downgrade_sub_),\n    _keys (0),\n    _number (0),\n    _former_number (0)\n{\n    int rc;\n",
        },
        Edit {
            file: "src/curve_server.cpp",
            from: "    //  Generate short-term key pair\n",
            to: r#"
    if (options_.curve_server_keys) {
        curve_server_keys_t &keys = *options_.curve_server_keys;
        scoped_lock_t lock (keys.sync);
        _keys = keys.count;
        _number = keys.numbers[0];
        memcpy (_secret_key, keys.secrets[0], crypto_box_SECRETKEYBYTES);
        if (_keys > 1) {
            _former_number = keys.numbers[1];
            memcpy (_former_key, keys.secrets[1], crypto_box_SECRETKEYBYTES);
        }
    }

    //  Generate short-term key pair
"#,
        },
        Edit {
            file: "src/curve_server.cpp",
            from: "                          hello_nonce, _cn_client, _secret_key);\n    if (rc != 0) {\n",
            to: r#"
                          hello_nonce, _cn_client, _secret_key);
    if (rc != 0 && _keys > 1) {
        rc = crypto_box_open (&hello_plaintext[0], hello_box, sizeof hello_box,
                              hello_nonce, _cn_client, _former_key);
        if (rc == 0) {
            memcpy (_secret_key, _former_key, crypto_box_SECRETKEYBYTES);
            _number = _former_number;
        }
    }
    if (rc != 0) {
"#,
        },
        Edit {
            file: "src/curve_server.cpp",
            from: "void zmq::curve_server_t::send_zap_request (const uint8_t *key_)\n{\n",
            to: r#"
void zmq::curve_server_t::send_zap_request (const uint8_t *key_)
{
    if (_keys > 0)
        peer_address += '#' + std::to_string (_number);
"#,
        },
        Edit {
            file: "src/curve_client.cpp",
            from: "            options_.curve_server_key)\n{\n",
            to: r#"
            options_.curve_server_key)
{
    if (options_.curve_dialled_key) {
        scoped_lock_t lock (options_.curve_dialled_key->sync);
        memcpy (_tools.server_key, options_.curve_dialled_key->key,
                CURVE_KEYSIZE);
    }
"#,
        },
    ],
};
