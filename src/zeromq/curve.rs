//! CURVE: encryption and proof of identity by keys (<https://rfc.zeromq.org/spec/26/>).

use zmq::Socket;

use super::HANDSHAKE_MS;
use super::option::set_int;
use crate::model::{Credentials, KeyPair, PublicKey, SecretKey};

/// How the domain begins that ZAP is asked about; a name for the socket follows. One that is empty would not be asked
/// about at all.
pub(crate) const DOMAIN: &str = "osb/";
/// `ZMQ_ZAP_ENFORCE_DOMAIN`: without a socket that answers, no peer is admitted.
const ENFORCE_DOMAIN: i32 = 93;
/// ZAP is told which connection it is asked about: the patch `zap_cookie` of libzmq.
const ZAP_COOKIE: i32 = 0x6f73_6207;

/// Draws a new pair of keys.
pub fn draw_keys() -> zmq::Result<KeyPair> {
    let drawn = zmq::CurveKeyPair::new()?;
    Ok(KeyPair {
        public: PublicKey::of(drawn.public_key),
        secret: SecretKey::of(drawn.secret_key),
    })
}

/// From now on `socket` admits only the peers that [`super::Zap`] admits, which tells of each to which `door` it comes:
/// a name that stands for the socket. Called before it is bound, and when there is a socket that answers for ZAP.
pub fn admit_by_key(socket: &mut Socket, secret: &SecretKey, door: &str) -> zmq::Result<()> {
    socket.set_curve_server(true)?;
    socket.set_curve_secretkey(secret.as_bytes())?;
    socket.set_zap_domain(&format!("{DOMAIN}{door}"))?;
    socket.set_handshake_ivl(HANDSHAKE_MS)?;
    set_int(socket, ZAP_COOKIE, 1)?;
    set_int(socket, ENFORCE_DOMAIN, 1)
}

/// From now on `socket` dials servers that have the other half of the credentials' key.
pub fn dial_with(socket: &Socket, credentials: &Credentials) -> zmq::Result<()> {
    let Credentials { own, server } = credentials;
    socket.set_curve_serverkey(server.as_bytes())?;
    socket.set_curve_publickey(own.public.as_bytes())?;
    socket.set_curve_secretkey(own.secret.as_bytes())
}
