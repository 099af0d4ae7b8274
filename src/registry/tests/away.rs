//! Members that cannot be reached for a moment: they have lost their connection, or have just ended.

use super::*;

fn ask_alice(id: u64) -> Envelope {
    Envelope::request(id, 0, "Alice".parse().unwrap())
}

fn answer_to_client(id: u64) -> Envelope {
    Envelope::answer(&Ok::<(), Fault>(()), id, Peer::Client(ClientId(1)))
}

impl Bench {
    /// What is to be sent now cannot be, for the connection is gone.
    fn lose(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        for effect in effects {
            if let Effect::Send { to, envelope, body } = effect {
                let why = Undelivered::Gone;
                self.registry
                    .on_undelivered(&to, envelope, body, why, self.now);
            }
        }
        self.registry.effects().collect()
    }

    /// A client at 9 asks Alice, who cannot be reached.
    fn ask_lost_alice(&mut self, id: u64) -> Vec<Effect> {
        let effects = self.send(9, ask_alice(id), vec![7]);
        self.lose(effects)
    }

    fn pass_ms(&mut self, ms: u64) -> Vec<Effect> {
        self.now += Duration::from_millis(ms);
        self.registry.on_time(self.now);
        self.registry.effects().collect()
    }
}

/// The messages among these to that connection, and what they carry.
fn sent_to(route: u8, effects: &[Effect]) -> Vec<(MessageKind, u64, Vec<u8>)> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, envelope, body } if *to == at(route) => {
            Some((envelope.kind, envelope.id, body.clone()))
        }
        _ => None,
    });
    sent.collect()
}

fn is_gone(effects: &[Effect], id: u64) -> bool {
    let told = sent_to(9, effects);
    let gone = Fault::Gone {
        peer: "Alice".parse().unwrap(),
    };
    matches!(&told[..], [(MessageKind::Error, it, content)] if *it == id && read_body::<Fault>(content) == Ok(gone))
}

#[test]
fn what_is_for_a_member_that_dials_anew_is_held_until_it_is_back() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    assert_eq!(bench.ask_lost_alice(5), []);
    let word = Envelope::oneway("Alice".parse().unwrap());
    let effects = bench.send(9, word, vec![8]);
    assert_eq!(bench.lose(effects), []);

    let announcement = body(&agent("Alice", 1));
    let effects = bench.send(2, Envelope::request(1, 0, Peer::NameServer), announcement);
    assert_eq!(
        sent_to(2, &effects)[..2],
        [
            (MessageKind::Request, 5, vec![7]),
            (MessageKind::Oneway, 0, vec![8])
        ]
    );
    let answer = only_send(bench.send(2, answer_to_client(5), vec![9]));
    assert_eq!((answer.0, answer.2), (at(9), vec![9]));
    // Once.
    let announcement = body(&agent("Alice", 1));
    let effects = bench.send(3, Envelope::request(1, 0, Peer::NameServer), announcement);
    assert_eq!(sent_to(3, &effects).len(), 1, "{effects:?}");
}

#[test]
fn who_waits_for_one_that_does_not_come_back_is_told() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    assert_eq!(bench.ask_lost_alice(5), []);
    assert!(!is_gone(&bench.pass_ms(2_999), 5));
    assert_eq!(
        bench.registry.next_deadline(),
        Some(bench.now + Duration::from_millis(1))
    );
    assert!(is_gone(&bench.pass_ms(1), 5));
    // It does not do then what it was asked.
    let announcement = body(&agent("Alice", 1));
    let effects = bench.send(2, Envelope::request(1, 0, Peer::NameServer), announcement);
    assert_eq!(sent_to(2, &effects).len(), 1, "{effects:?}");
}

#[test]
fn another_life_does_not_get_what_was_for_the_former_one() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    assert_eq!(bench.ask_lost_alice(5), []);
    let effects = bench.send(
        8,
        Envelope::oneway(Peer::NameServer),
        body(&exited("Alice", 1, 3)),
    );
    assert_eq!(sent_to(9, &effects), []);
    let announcement = body(&agent("Alice", 2));
    let effects = bench.send(2, Envelope::request(1, 0, Peer::NameServer), announcement);
    assert!(is_gone(&effects, 5));
    assert_eq!(sent_to(2, &effects).len(), 1, "{effects:?}");
    // What is asked of the new one lasts longer than the former one is listened to.
    bench.send(9, ask_alice(6), Vec::new());
    assert_eq!(sent_to(9, &bench.pass_ms(300)), []);
}

#[test]
fn a_request_whose_time_is_over_is_not_carried_out_later() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    let effects = bench.send(
        9,
        Envelope::request(5, 100, "Alice".parse().unwrap()),
        vec![7],
    );
    assert_eq!(bench.lose(effects), []);
    assert_eq!(sent_to(9, &bench.pass_ms(1_200)).len(), 1);
    let announcement = body(&agent("Alice", 1));
    let effects = bench.send(2, Envelope::request(1, 0, Peer::NameServer), announcement);
    assert_eq!(sent_to(2, &effects).len(), 1, "{effects:?}");
}

#[test]
fn only_so_much_is_held() {
    let mut bench = Bench::new();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    for id in 1..=1_000 {
        assert_eq!(bench.ask_lost_alice(id), []);
    }
    assert!(is_gone(&bench.ask_lost_alice(1_001), 1_001));
}

#[test]
fn what_an_agent_has_answered_may_come_behind_the_news_of_its_end() {
    let mut bench = Bench::new();
    bench.ask::<()>(8, host()).unwrap();
    bench.ask::<()>(1, agent("Alice", 1)).unwrap();
    bench.send(9, ask_alice(5), Vec::new());
    bench.send(9, ask_alice(6), Vec::new());
    let news = body(&exited("Alice", 1, 0));
    let effects = bench.send(8, Envelope::oneway(Peer::NameServer), news);
    assert_eq!(sent_to(9, &effects), []);
    assert_eq!(bench.state("Alice"), Some(State::Stopped));
    let effects = bench.send(1, answer_to_client(5), vec![9]);
    assert_eq!(sent_to(9, &effects), [(MessageKind::Reply, 5, vec![9])]);
    // Its last word.
    let leave = body(&NameServerRequest::Leave { end: None });
    let effects = bench.send(1, Envelope::oneway(Peer::NameServer), leave);
    assert!(is_gone(&effects, 6));
    assert_eq!(bench.state("Alice"), Some(State::Stopped));
}

/// The key that B had in the life that ended is revoked when nothing comes from it any more, and the key of its next
/// life is not.
#[test]
fn the_key_of_one_that_has_ended_is_good_as_long_as_it_is_listened_to() {
    let local: HostId = "local".parse().unwrap();
    let host_key = KeyEntry::lasting(PublicKey::of([3; 32]), Holder::Host(local.clone()));
    let mut registry = closed_with([host_key]);
    let effects = |registry: &mut Registry| registry.effects().collect::<Vec<_>>();
    assert_eq!(
        told(&mut registry, 3, "", 1, body(&host())).unwrap().0,
        MessageKind::Reply
    );
    assert_eq!(
        told(&mut registry, 2, "", 1, body(&agent("B", 1)))
            .unwrap()
            .0,
        MessageKind::Reply
    );
    assert_eq!(told(&mut registry, 1, "B", 5, b"{}".to_vec()), None);
    told(&mut registry, 3, "", 2, body(&exited("B", 1, 0)));
    let hung_up = |effects: &[Effect]| {
        let keys = effects.iter().filter_map(|effect| match effect {
            Effect::HangUp(key) => Some(key.0),
            _ => None,
        });
        keys.collect::<Vec<_>>()
    };
    assert!(hung_up(&effects(&mut registry)).is_empty());
    let entry = KeyEntry {
        by: Some(local),
        ..KeyEntry::lasting(PublicKey::of([4; 32]), Holder::Agent("B".parse().unwrap()))
    };
    let keys = registry.keys.as_mut().unwrap();
    keys.ring.admit(entry);
    registry.on_time(crate::model::timing::LAST_WORDS_TIMEOUT);
    assert_eq!(hung_up(&effects(&mut registry)), [2]);
    assert!(
        registry
            .keys
            .as_ref()
            .unwrap()
            .ring
            .entry(KeyId(4))
            .is_some()
    );
}
