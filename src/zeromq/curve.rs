//! CURVE: encryption and proof of identity by keys (<https://rfc.zeromq.org/spec/26/>).

use zmq::Socket;

use super::HANDSHAKE_MS;
use super::option::{set_bytes, set_int};
use crate::model::{Credentials, KeyPair, PublicKey, SecretKey};

/// How the domain begins that ZAP is asked about; a name for the socket follows. One that is empty would not be asked
/// about at all.
pub(crate) const DOMAIN: &str = "osb/";
/// `ZMQ_ZAP_ENFORCE_DOMAIN`: without a socket that answers, no peer is admitted.
const ENFORCE_DOMAIN: i32 = 93;
/// ZAP is told which connection it is asked about: the patch `zap_cookie` of libzmq.
const ZAP_COOKIE: i32 = 0x6f73_6207;

/// The keys of a server, which may change while it is bound: the patch `former_key` of libzmq.
const SERVER_KEYS: i32 = 0x6f73_620b;

/// The key of the server that is dialled, which may change while there is a connection: the same patch.
const DIALLED_KEY: i32 = 0x6f73_620c;

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

/// The number of a server's key, by which [`super::Handshake`] tells which one a peer has dialled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerKey(pub u32);

/// From now on, handshakes succeed by the present key of this server, and by the former one, if there is one. Those that
/// are under way, and connections that are there, go on. To be called for the first time before the socket is bound, after
/// [`admit_by_key`].
pub fn answer_to_keys(
    socket: &mut Socket,
    present: (ServerKey, &SecretKey),
    former: Option<(ServerKey, &SecretKey)>,
) -> zmq::Result<()> {
    let mut value = Vec::new();
    for (ServerKey(number), secret) in [present].into_iter().chain(former) {
        value.extend(number.to_ne_bytes());
        value.extend(secret.as_bytes());
    }
    set_bytes(socket, SERVER_KEYS, &value)
}

/// From now on `socket` dials servers that have the other half of the credentials' key.
pub fn dial_with(socket: &Socket, credentials: &Credentials) -> zmq::Result<()> {
    let Credentials { own, server, .. } = credentials;
    socket.set_curve_serverkey(server.as_bytes())?;
    socket.set_curve_publickey(own.public.as_bytes())?;
    socket.set_curve_secretkey(own.secret.as_bytes())
}

/// From now on the server that `socket` dials has this key. Connections that are there go on. To be called for the first
/// time after [`dial_with`], before the socket is connected.
pub fn expect_key(socket: &mut Socket, server: &PublicKey) -> zmq::Result<()> {
    set_bytes(socket, DIALLED_KEY, server.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zeromq::{Verdict, Zap};
    use zmq::Context;

    struct Server {
        context: Context,
        zap: Zap,
        socket: Socket,
        address: String,
    }

    fn server(keys: &KeyPair) -> Server {
        let context = Context::new();
        let zap = Zap::bind(&context).unwrap();
        let mut socket = context.socket(zmq::PULL).unwrap();
        admit_by_key(&mut socket, &keys.secret, "").unwrap();
        answer_to_keys(&mut socket, (ServerKey(1), &keys.secret), None).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let address = socket.get_last_endpoint().unwrap().unwrap();
        Server {
            context,
            zap,
            socket,
            address,
        }
    }

    impl Server {
        fn dial(&self, server: &KeyPair) -> Socket {
            let mut socket = self.context.socket(zmq::PUSH).unwrap();
            socket.set_linger(0).unwrap();
            let credentials = Credentials::new(draw_keys().unwrap(), server.public);
            dial_with(&socket, &credentials).unwrap();
            expect_key(&mut socket, &server.public).unwrap();
            socket.connect(&self.address).unwrap();
            socket.send("it is me", 0).unwrap();
            socket
        }

        /// By which key the next peer comes; none, if it does not shake hands.
        fn comes_by(&self, comes: bool) -> Option<ServerKey> {
            let patience = if comes { 60_000 } else { 300 };
            if self.zap.socket().poll(zmq::POLLIN, patience).unwrap() == 0 {
                return None;
            }
            let handshake = self.zap.next().unwrap();
            self.zap.answer(&handshake, Verdict::Admitted(""));
            self.hears("it is me");
            handshake.server_key
        }

        fn hears(&self, what: &str) {
            self.socket.set_rcvtimeo(60_000).unwrap();
            assert_eq!(self.socket.recv_string(0).unwrap().unwrap(), what);
        }
    }

    /// While it is bound, without a word lost on the connections that are there.
    #[test]
    fn a_server_gets_another_key_and_answers_to_the_former_one_too() {
        let [old, new, newer] = [(); 3].map(|()| draw_keys().unwrap());
        let mut server = server(&old);
        let first = server.dial(&old);
        assert_eq!(server.comes_by(true), Some(ServerKey(1)));
        let _early = server.dial(&new);
        assert_eq!(server.comes_by(false), None, "nobody has given it this key");
        let (one, two) = ((ServerKey(1), &old.secret), (ServerKey(2), &new.secret));
        answer_to_keys(&mut server.socket, two, Some(one)).unwrap();
        let _by_new = server.dial(&new);
        let mut seen = vec![server.comes_by(true)];
        // The one that was too early tries again.
        seen.push(server.comes_by(true));
        assert_eq!(seen, [Some(ServerKey(2)); 2]);
        let by_old = server.dial(&old);
        assert_eq!(server.comes_by(true), Some(ServerKey(1)));
        answer_to_keys(&mut server.socket, two, None).unwrap();
        let _late = server.dial(&old);
        assert_eq!(server.comes_by(false), None, "its time is over");
        let _stranger = server.dial(&newer);
        assert_eq!(server.comes_by(false), None);
        for connected in [first, by_old] {
            connected.send("as before", 0).unwrap();
            server.hears("as before");
        }
    }

    /// Who is told while there is a connection dials by the new key when that has ended.
    #[test]
    fn who_is_told_of_another_key_dials_by_it_next_time() {
        let [old, new] = [(); 2].map(|()| draw_keys().unwrap());
        let mut server = server(&old);
        let mut client = server.dial(&old);
        assert_eq!(server.comes_by(true), Some(ServerKey(1)));
        let two = (ServerKey(2), &new.secret);
        answer_to_keys(&mut server.socket, two, None).unwrap();
        expect_key(&mut client, &new.public).unwrap();
        client.send("on the same connection", 0).unwrap();
        server.hears("on the same connection");
        // It listens no more, and its connections end.
        let former = std::mem::replace(
            &mut server.socket,
            server.context.socket(zmq::PULL).unwrap(),
        );
        drop(former);
        admit_by_key(&mut server.socket, &old.secret, "").unwrap();
        answer_to_keys(&mut server.socket, two, None).unwrap();
        while let Err(error) = server.socket.bind(&server.address) {
            assert_eq!(error, zmq::Error::EADDRINUSE);
        }
        assert_eq!(server.zap.socket().poll(zmq::POLLIN, 60_000), Ok(1));
        let handshake = server.zap.next().unwrap();
        assert_eq!(handshake.server_key, Some(ServerKey(2)));
    }
}
