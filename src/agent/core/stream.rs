//! What one tap is shown: records of the messages that it wants, in a buffer with a bound. What finds no room there is lost to the
//! tap, and counted; the sockets never wait for it.

use std::collections::BTreeMap;

use crate::model::Alias;
use crate::wire::{
    BATCH_HEAD, Passed, Sort, TapRequest, TappedSocket, Way, record_len, socket_record,
    whole_records, write_message,
};

/// How many bytes wait for one who looks. A message that is larger by itself is admitted to an empty buffer.
const ROOM: usize = 8 << 20;

/// A tap's buffer.
pub(crate) struct Stream {
    aliases: Vec<Alias>,
    topics: Vec<String>,
    most: usize,
    sample: u64,
    /// A batch that is being written.
    batch: Vec<u8>,
    /// All that finds no room, since the tap began.
    lost: u64,
    sockets: BTreeMap<u16, Tapped>,
    numbers: u16,
}

struct Tapped {
    socket: TappedSocket,
    is_told: bool,
    /// How many have passed, in and out.
    passed: [u64; 2],
}

impl Stream {
    pub(crate) fn new(request: &TapRequest) -> Self {
        let most = request
            .most
            .map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
        Self {
            aliases: request.aliases.clone(),
            topics: request.topics.clone(),
            most,
            sample: request.sample.max(1).into(),
            batch: empty(),
            lost: 0,
            sockets: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// Whether it is at that socket.
    pub(crate) fn wants(&self, alias: &Alias) -> bool {
        self.aliases.is_empty() || self.aliases.contains(alias)
    }

    /// From now on it is at this socket too: the number of that, or none if it has had too many.
    pub(crate) fn enter(&mut self, socket: TappedSocket) -> Option<u16> {
        let number = self.numbers;
        self.numbers = number.checked_add(1)?;
        let tapped = Tapped {
            socket,
            is_told: false,
            passed: [0; 2],
        };
        self.sockets.insert(number, tapped);
        Some(number)
    }

    /// A socket is there no more.
    pub(crate) fn leave(&mut self, number: u16) {
        self.sockets.remove(&number);
    }

    /// A message passes at the socket of that number, at that time in microseconds since 1970.
    pub(crate) fn pass(&mut self, number: u16, passed: &Passed<'_>, time: u64) {
        if !self.topics.is_empty() && passed.sort == Sort::Publication {
            let begins = |topic: &String| passed.bytes.starts_with(topic.as_bytes());
            if !self.topics.iter().any(begins) {
                return;
            }
        }
        let Some(tapped) = self.sockets.get_mut(&number) else {
            return;
        };
        let count = &mut tapped.passed[usize::from(passed.way == Way::Out)];
        *count += 1;
        let count = *count;
        if (count - 1) % self.sample != 0 {
            return;
        }
        let shown = Passed {
            bytes: &passed.bytes[..passed.bytes.len().min(self.most)],
            ..*passed
        };
        let head = match tapped.is_told {
            true => Vec::new(),
            false => socket_record(number, &tapped.socket),
        };
        let needed = head.len() + record_len(shown.bytes.len());
        if self.batch.len() > BATCH_HEAD && self.batch.len() + needed > ROOM {
            self.lost += 1;
            return;
        }
        tapped.is_told = true;
        self.batch.extend(head);
        write_message(&mut self.batch, (number, count, time), &shown);
    }

    /// Whether there is something to show. What was lost is told with the next message that is not.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.len() <= BATCH_HEAD
    }

    /// A batch of what waits: all, or some `most` bytes of it.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let whole = match self.batch.len() - BATCH_HEAD <= most {
            true => self.batch.len() - BATCH_HEAD,
            false => whole_records(&self.batch[BATCH_HEAD..], most),
        };
        let rest = self.batch.split_off(BATCH_HEAD + whole);
        let next = [&[0; BATCH_HEAD][..], &rest].concat();
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch[..BATCH_HEAD].copy_from_slice(&self.lost.to_be_bytes());
        batch
    }

    /// Gives back a batch that could not be shown now, before anything else has passed.
    pub(crate) fn put_back(&mut self, mut batch: Vec<u8>) {
        batch.extend(&self.batch[BATCH_HEAD..]);
        self.batch = batch;
    }
}

fn empty() -> Vec<u8> {
    vec![0; BATCH_HEAD]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Serializer};
    use crate::wire::{TapRecord, TapToken, read_batch};
    use proptest::prelude::*;

    fn request() -> TapRequest {
        TapRequest {
            token: TapToken::draw(),
            aliases: Vec::new(),
            topics: Vec::new(),
            most: None,
            sample: 1,
            key: None,
        }
    }

    fn socket() -> TappedSocket {
        TappedSocket {
            alias: "main".parse().unwrap(),
            kind: Kind::Push,
            serializer: Serializer::Raw,
        }
    }

    fn sent(bytes: &[u8]) -> Passed<'_> {
        Passed {
            way: Way::Out,
            sort: Sort::Message,
            pair: 0,
            size: u32::try_from(bytes.len()).unwrap(),
            bytes,
        }
    }

    /// The counts of the messages of a batch, and how many are lost.
    fn shown(stream: &mut Stream, most: usize) -> (Vec<u64>, u64) {
        let batch = stream.take(most);
        let (lost, records) = read_batch(&batch).unwrap();
        let counts = records.filter_map(|it| match it.unwrap() {
            TapRecord::Message { count, .. } => Some(count),
            TapRecord::Socket { .. } => None,
        });
        (counts.collect(), lost)
    }

    #[test]
    fn each_socket_is_described_once_before_its_first_message() {
        let mut stream = Stream::new(&request());
        let number = stream.enter(socket()).unwrap();
        assert!(
            stream.is_empty(),
            "nobody is told of a socket that is still"
        );
        stream.pass(number, &sent(b"a"), 5);
        stream.pass(number, &sent(b"b"), 6);
        let batch = stream.take(usize::MAX);
        let records: Vec<_> = read_batch(&batch).unwrap().1.map(Result::unwrap).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(
            records[0],
            TapRecord::Socket {
                number,
                socket: socket()
            }
        );
        stream.pass(number, &sent(b"c"), 7);
        assert_eq!(shown(&mut stream, usize::MAX), (vec![3], 0));
        assert!(stream.is_empty());
        stream.leave(number);
        stream.pass(number, &sent(b"d"), 8);
        assert!(stream.is_empty());
    }

    #[test]
    fn one_in_so_many_is_shown_and_the_beginning_of_it() {
        let mut stream = Stream::new(&TapRequest {
            sample: 3,
            most: Some(2),
            ..request()
        });
        let number = stream.enter(socket()).unwrap();
        for _ in 0..7 {
            stream.pass(number, &sent(b"hello"), 0);
        }
        let batch = stream.take(usize::MAX);
        let records = read_batch(&batch).unwrap().1.map(Result::unwrap);
        let messages: Vec<_> = records
            .filter_map(|it| match it {
                TapRecord::Message { count, passed, .. } => {
                    Some((count, passed.size, passed.bytes))
                }
                TapRecord::Socket { .. } => None,
            })
            .collect();
        assert_eq!(messages, [(1, 5, &b"he"[..]), (4, 5, b"he"), (7, 5, b"he")]);
    }

    #[test]
    fn topics_narrow_publications_and_nothing_else() {
        let mut stream = Stream::new(&TapRequest {
            topics: vec!["sport".into()],
            ..request()
        });
        let number = stream.enter(socket()).unwrap();
        let published = |bytes| Passed {
            sort: Sort::Publication,
            ..sent(bytes)
        };
        stream.pass(number, &published(b"sports\x80x"), 0);
        stream.pass(number, &published(b"news\x80x"), 0);
        stream.pass(number, &sent(b"answer"), 0);
        assert_eq!(shown(&mut stream, usize::MAX).0, [1, 2]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut stream = Stream::new(&request());
        let number = stream.enter(socket()).unwrap();
        let large = vec![0; ROOM / 2];
        for _ in 0..5 {
            stream.pass(number, &sent(&large), 0);
        }
        assert_eq!(shown(&mut stream, usize::MAX), (vec![1], 4));
        stream.pass(number, &sent(b"x"), 0);
        assert_eq!(shown(&mut stream, usize::MAX), (vec![6], 4));
        stream.pass(number, &sent(&vec![0; ROOM + 1]), 0);
        assert_eq!(shown(&mut stream, 1), (vec![7], 4), "however large it is");
    }

    proptest! {
        #[test]
        fn batches_of_any_size_hold_everything_in_order(
            sizes in prop::collection::vec(0..300usize, 1..60),
            most in 1..2000usize,
            back in any::<bool>(),
        ) {
            let mut stream = Stream::new(&request());
            let number = stream.enter(socket()).unwrap();
            for size in &sizes {
                stream.pass(number, &sent(&vec![1; *size]), 0);
            }
            let mut counts = Vec::new();
            while !stream.is_empty() {
                if back {
                    let batch = stream.take(most);
                    stream.put_back(batch);
                }
                counts.extend(shown(&mut stream, most).0);
            }
            prop_assert_eq!(counts, (1..=sizes.len() as u64).collect::<Vec<_>>());
        }
    }
}
