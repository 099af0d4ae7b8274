use proptest::prelude::*;

use super::*;
use crate::model::{Kind, Serializer, Topic};
use crate::wire::{Passed, Sort, TappedSocket, Way, join_topic};

fn socket(alias: &str, kind: Kind, serializer: Serializer) -> TappedSocket {
    TappedSocket {
        alias: alias.parse().unwrap(),
        kind,
        serializer,
    }
}

fn passed(sort: Sort, bytes: &[u8]) -> Passed<'_> {
    Passed {
        way: Way::Out,
        sort,
        pair: 0,
        size: u32::try_from(bytes.len()).unwrap(),
        bytes,
    }
}

fn begin(lz4: bool) -> Recording<Vec<u8>> {
    let head = Head {
        about: [("system".to_owned(), "lab".to_owned())].into(),
        others: vec![(TOPOLOGY, [("yaml".to_owned(), "osb: 1".to_owned())].into())],
        lz4,
    };
    let agents = ["Alice", "Bob"].map(|it| it.parse().unwrap());
    Recording::begin(Vec::new(), head, &agents).unwrap()
}

/// A message as its channel, its number, its time and its data.
type Plain = (String, u32, u64, Vec<u8>);

/// Each message, and how it ends.
fn read(file: &[u8]) -> Result<(Vec<Plain>, End), ReadError> {
    let mut reader = Reader::new(file, file.len() as u64)?;
    let mut messages = Vec::new();
    while let Some(found) = reader.next()? {
        if let Found::Message(heard) = found {
            let Heard {
                track,
                sequence,
                time,
                data,
            } = heard;
            messages.push((track.name.clone(), sequence, time, data));
        }
    }
    Ok((messages, reader.end().unwrap()))
}

/// Writes messages of `Alice.main`, flushing after those that say so.
fn written(messages: &[(Vec<u8>, bool)], lz4: bool) -> Vec<u8> {
    let main = socket("main", Kind::Push, Serializer::Raw);
    let mut recording = begin(lz4);
    for (count, (bytes, flush)) in (1..).zip(messages) {
        let message = Message {
            agent: 0,
            socket: &main,
            count,
            time: 1000 + count,
            passed: passed(Sort::Message, bytes),
        };
        recording.write(&message).unwrap();
        if *flush {
            recording.flush().unwrap();
        }
    }
    recording.end().unwrap().1
}

fn messages() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    let message = prop::collection::vec(any::<u8>(), 0..60);
    prop::collection::vec((message, any::<bool>()), 0..30)
}

proptest! {
    #[test]
    fn what_is_written_is_read(messages in messages(), lz4 in any::<bool>()) {
        let file = written(&messages, lz4);
        let (read, end) = read(&file).unwrap();
        prop_assert_eq!(end, End::Whole);
        prop_assert_eq!(read.len(), messages.len());
        for (count, ((name, sequence, time, data), (bytes, _))) in (1..).zip(read.iter().zip(&messages)) {
            prop_assert_eq!(name, "Alice.main");
            prop_assert_eq!((*sequence, *time), (count, (1000 + u64::from(count)) * 1000));
            prop_assert_eq!(data, bytes);
        }
    }

    #[test]
    fn one_that_is_cut_off_is_read_as_far_as_it_goes(messages in messages(), lz4 in any::<bool>(), cut in 0.0..1.0) {
        let file = written(&messages, lz4);
        let cut = 8 + ((file.len() - 8) as f64 * cut) as usize;
        let (whole, _) = read(&file).unwrap();
        let (some, _) = read(&file[..cut]).unwrap();
        prop_assert_eq!(&whole[..some.len()], &some[..]);
    }

    #[test]
    fn whatever_has_become_of_a_file_nothing_panics(messages in messages(), lz4 in any::<bool>(), spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = written(&messages, lz4);
        for (at, byte) in spoilt {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = read(&file);
        if let Ok(reader) = Reader::new(&file[..], file.len() as u64) {
            let _ = Tally::of(reader);
        }
    }
}

#[test]
fn publications_have_channels_by_topic_and_answers_the_numbers_of_their_requests() {
    let news = socket("news", Kind::Pub, Serializer::Json);
    let ask = socket("ask", Kind::Req, Serializer::Json);
    let mut recording = begin(false);
    let mut write = |agent, socket: &TappedSocket, passed: Passed<'_>| {
        let message = Message {
            agent,
            socket,
            count: 1,
            time: 5,
            passed,
        };
        recording.write(&message).unwrap();
    };
    for topic in ["sport", "", "sport"] {
        let topic: Topic = topic.parse().unwrap();
        let frame = join_topic(&topic, b"\"goal\"", Serializer::Json);
        write(0, &news, passed(Sort::Publication, &frame));
    }
    write(0, &news, passed(Sort::Publication, b"\xff\x80\"no text\""));
    for (sort, way, pair) in [
        (Sort::Request, Way::Out, 70),
        (Sort::Request, Way::Out, 80),
        (Sort::Answer, Way::In, 80),
        (Sort::Answer, Way::In, 70),
    ] {
        write(
            1,
            &ask,
            Passed {
                way,
                pair,
                ..passed(sort, b"1")
            },
        );
    }
    write(
        1,
        &ask,
        Passed {
            way: Way::In,
            ..passed(Sort::Garbled, b"no json")
        },
    );
    recording
        .tell(
            0,
            &Event::Away {
                why: "it has ended".into(),
            },
            7,
        )
        .unwrap();
    recording.tell(0, &Event::Began, 8).unwrap();
    recording.lose(1, (3, 4), 9).unwrap();
    let (counts, file) = recording.end().unwrap();
    assert_eq!((counts.messages, counts.lost), (9, 3));
    let (messages, _) = read(&file).unwrap();
    let told = messages.iter().map(|(name, sequence, time, data)| {
        format!("{name} {sequence} {time} {}", String::from_utf8_lossy(data))
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
    let tally = Tally::of(Reader::new(&file[..], file.len() as u64).unwrap()).unwrap();
    assert_eq!(tally.about["system"], "lab");
    assert_eq!(tally.metadata, [TOPOLOGY, ENDED]);
    assert_eq!(tally.lost, [("Bob".to_owned(), 3)].into());
    assert_eq!(tally.channels["Alice.news/sport"].messages, 2);
    assert_eq!(
        tally.window,
        Some(Window {
            first: 5000,
            last: 5000
        })
    );
}

#[test]
fn a_recording_goes_on_in_another_file_as_a_whole_one() {
    let main = socket("main", Kind::Push, Serializer::Json);
    let message = |count| Message {
        agent: 0,
        socket: &main,
        count,
        time: count,
        passed: passed(Sort::Message, b"1"),
    };
    let mut recording = begin(true);
    recording.write(&message(1)).unwrap();
    let first = recording.next(Vec::new()).unwrap();
    assert_eq!(recording.part(), 2);
    recording.write(&message(2)).unwrap();
    let (counts, second) = recording.end().unwrap();
    assert_eq!(counts.messages, 2, "over all parts");
    for (file, count, part) in [(first, 1, "1"), (second, 2, "2")] {
        let (messages, end) = read(&file).unwrap();
        assert_eq!(end, End::Whole);
        assert_eq!(
            messages,
            [(
                "Alice.main".to_owned(),
                count,
                u64::from(count) * 1000,
                b"1".to_vec()
            )]
        );
        let tally = Tally::of(Reader::new(&file[..], file.len() as u64).unwrap()).unwrap();
        assert_eq!(tally.about["part"], part);
    }
}

/// The library's own reader, which goes by the summary, has the same to say.
#[test]
fn the_summary_counts_what_there_is() {
    let messages: Vec<_> = (0..5).map(|at| (vec![at; 9], at == 2)).collect();
    let file = written(&messages, true);
    let summary = mcap::Summary::read(&file).unwrap().unwrap();
    let stats = summary.stats.unwrap();
    assert_eq!(stats.message_count, 5);
    assert!(stats.chunk_count >= 2, "{stats:?}");
    let names = summary.channels.values().map(|it| it.topic.clone());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, ["Alice.main", EVENTS, LOSSES]);
}

#[test]
fn what_is_no_recording_is_refused() {
    for file in [&b""[..], b"\x89MCAP", b"hello, this is text"] {
        assert!(matches!(read(file), Err(ReadError::NoMcap)), "{file:?}");
    }
}
