//! Peers that are not of the system: without a key, with a wrong one, or in between.

use super::*;

#[test]
fn no_key_or_a_wrong_one_is_told_at_once() {
    let system = up();
    let mut wrong_server = system.random();
    wrong_server.server = draw_keys().unwrap().public;
    let mut owner_of_another = system.owner.clone();
    owner_of_another.server = wrong_server.server;
    let strangers = [
        None,
        Some(system.random()),
        Some(wrong_server),
        Some(owner_of_another),
    ];
    for keys in strangers {
        let nameserver = system.dial(keys);
        assert!(is_not_let_in(&nameserver), "{:?}", nameserver.ping());
        // And so it stays.
        assert!(nameserver.agents().is_err());
    }
    let said = Bench::new().osb(&["--ns", &system.address, "ls", "agents"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.stderr.contains("it wants a key"), "{said}");
    assert!(said.stderr.contains("--key FILE"), "{said}");
    assert_eq!(system.owner().agents().unwrap().len(), 2);
    system.down();
}

#[test]
fn data_sockets_are_for_agents_of_the_system() {
    let system = up();
    let server = system.socket("out").key.unwrap();
    let mut random = system.random();
    random.server = server;
    // The owner may do everything at the name server; an agent he is not.
    let mut owner = system.owner.clone();
    owner.server = server;
    let context = zmq::Context::new();
    for keys in [None, Some(&random), Some(&owner)] {
        let at = |alias| system.socket(alias).address;
        let pull = raw_socket(&context, zmq::PULL, keys, &at("out"));
        let sub = raw_socket(&context, zmq::SUB, keys, &at("feed"));
        sub.set_subscribe(b"").unwrap();
        let push = raw_socket(&context, zmq::PUSH, keys, &at("in"));
        let _ = push.send("\"poison\"", 0);
        let req = raw_socket(&context, zmq::REQ, keys, &at("ask"));
        let _ = req.send("\"hello\"", 0);
        bob_goes_on(&system);
        for socket in [&pull, &sub, &req] {
            assert_eq!(socket.poll(zmq::POLLIN, 100).unwrap(), 0);
        }
    }
    let attributes = system.bench.json(&["get", "Alice"]);
    assert_eq!(
        attributes["received"],
        serde_json::json!([]),
        "{attributes}"
    );
    let stats = system.bench.json(&["ls", "sockets"]);
    assert!(!stats.to_string().contains("poison"));
    system.down();
}

/// Passes bytes on between a member and the name server, and keeps them.
struct Wire {
    address: String,
    there: Arc<Mutex<Vec<Vec<u8>>>>,
    back: Arc<Mutex<Vec<Vec<u8>>>>,
}

fn copy(mut from: TcpStream, mut to: TcpStream, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        kept.lock().unwrap().push(buffer[..count].to_vec());
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Wire {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("tcp://").to_owned();
        let (there, back) = (Arc::default(), Arc::default());
        let (kept_there, kept_back) = (Arc::clone(&there), Arc::clone(&back));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let onward = TcpStream::connect(&server).unwrap();
                let (client_2, onward_2) =
                    (client.try_clone().unwrap(), onward.try_clone().unwrap());
                let (there, back) = (Arc::clone(&kept_there), Arc::clone(&kept_back));
                thread::spawn(move || copy(client, onward, there));
                thread::spawn(move || copy(onward_2, client_2, back));
            }
        });
        Self {
            address,
            there,
            back,
        }
    }

    fn all(&self) -> Vec<u8> {
        let mut all = self.there.lock().unwrap().concat();
        all.extend(self.back.lock().unwrap().concat());
        all
    }
}

#[test]
fn who_listens_on_the_wire_learns_nothing_and_what_he_says_again_does_nothing() {
    let system = up();
    let wire = Wire::to(&system.address);
    let through = NameServer::dial(&Dial {
        address: wire.address.clone(),
        keys: Some(system.owner.clone()),
    })
    .unwrap();
    let alice = through.proxy("Alice").unwrap();
    alice.set_attr("counter", 1).unwrap();
    assert_eq!(alice.get_attr("treasure").unwrap(), "xyzzy-gold");
    drop(through);
    let all = wire.all();
    assert!(all.len() > 1000, "{}", all.len());
    for secret in [
        "xyzzy", "Alice", "treasure", "counter", "set_attr", "method",
    ] {
        let seen = all.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!seen, "{secret} went over the wire in the clear");
    }
    system.bench.ok(&["set", "Alice", "counter=2"]);
    // The same bytes again, at the same pace.
    let said = wire.there.lock().unwrap().clone();
    for _ in 0..3 {
        let at = system.address.trim_start_matches("tcp://");
        let mut again = TcpStream::connect(at).unwrap();
        again
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        for bytes in &said {
            let _ = again.write_all(bytes);
            let _ = again.read(&mut [0; 4096]);
        }
    }
    assert_eq!(system.bench.json(&["get", "Alice", "counter"]), 2);
    system.down();
}
