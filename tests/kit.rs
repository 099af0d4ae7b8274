//! Agents written in Rust: with the library, in a process of their own or beside others.

use std::sync::mpsc;
use std::time::Duration;

use crate::common::{Bench, wait_until};
use osb::kit::{Agent, Bytes, Context, Error, Handle, Promise, Remote, RunError, spawn};
use osb::model::{
    Action, Admits, BindSpec, Handlers, Kind, Millis, Replies, Serializer, State, TimerAction,
    Transport, When,
};
use osb::proxy::{NameServer, ProxyError};
use osb::wire::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A name server, and one agent to talk with.
const BARE: &str = "osb: 1\nname: bare\nagents: { Alice: {} }\n";

struct Place {
    _bench: Bench,
    address: String,
    ns: NameServer,
}

fn place() -> Place {
    let bench = Bench::new();
    let said = bench.up(BARE);
    assert_eq!(said.code, 0, "{said}");
    let address = bench.agent("Alice")["nameserver"]
        .as_str()
        .unwrap()
        .to_owned();
    let ns = NameServer::connect(&address).unwrap();
    Place {
        _bench: bench,
        address,
        ns,
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Price {
    symbol: String,
    cents: u64,
}

/// Sums up what it is told, and answers questions.
fn summer(address: &str) -> Agent<u64> {
    Agent::new(0)
        .named("Summer")
        .nameserver(address)
        .handler("prices", |agent, price: Price| {
            agent.state += price.cents;
            let total = agent.state;
            agent.set("total", total)?;
            agent.set("last", agent.alias().map(str::to_owned))?;
            Ok(())
        })
        .handler("ask", |agent, question: String| match question.as_str() {
            "total" => Ok(json!(agent.state)),
            "early" => {
                agent.reply("first")?;
                agent.set("went_on", true)?;
                Ok(json!("never sent"))
            }
            other => Err(anyhow::anyhow!("no answer to {other}")),
        })
        .method("add", |agent, numbers: Vec<u64>| {
            agent.state += numbers.iter().sum::<u64>();
            Ok(agent.state)
        })
        .method("panic", |_, (): ()| -> osb::kit::Result<()> {
            panic!("as asked")
        })
        .method("slow", |_, ms: u64| {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(())
        })
}

fn start(place: &Place) -> Handle {
    let address = place.address.clone();
    spawn(move || summer(&address)).unwrap()
}

/// A socket of Summer's with a handler of that name, and one of Alice's on it.
fn wire(place: &Place, kind: Kind, alias: &str, handler: &str) {
    let handlers = Handlers::one(handler.parse::<Action>().unwrap());
    let summer = place.ns.proxy("Summer").unwrap();
    let address = summer.bind(kind, alias, Transport::Tcp, handlers).unwrap();
    let alice = place.ns.proxy("Alice").unwrap();
    let handlers = match kind.twin().receives() {
        true => Handlers::one(Action::Collect),
        false => Handlers::none(),
    };
    alice.connect(&address, alias, handlers).unwrap();
}

#[test]
fn handlers_are_found_by_name_or_by_alias_and_errors_answer() {
    let place = place();
    let _summer = start(&place);
    wire(&place, Kind::Pull, "prices", "command");
    wire(&place, Kind::Pull, "elsewhere", "call:prices");
    wire(&place, Kind::Rep, "ask", "command");
    wire(&place, Kind::Pull, "lost", "call:nobody");
    let (alice, summer) = (
        place.ns.proxy("Alice").unwrap(),
        place.ns.proxy("Summer").unwrap(),
    );

    let price = |cents: u64| json!({ "symbol": "OSB", "cents": cents });
    alice.send("prices", price(40)).unwrap();
    wait_until("the first price counts", || {
        summer.get_attr("total").ok() == Some(json!(40))
    });
    alice.send("elsewhere", price(2)).unwrap();
    wait_until("the second one too", || {
        summer.get_attr("total").ok() == Some(json!(42))
    });
    assert_eq!(summer.get_attr("last").unwrap(), "elsewhere");

    assert_eq!(alice.send_recv("ask", "total").unwrap(), 42);
    let fault = |outcome: Result<Value, ProxyError>| match outcome {
        Err(ProxyError::Fault(Fault::Handler { reason })) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        fault(alice.send_recv("ask", "nothing")),
        "no answer to nothing"
    );
    assert!(fault(alice.send_recv("ask", json!([1]))).contains("invalid type"));
    assert_eq!(alice.send_recv("ask", "early").unwrap(), "first");
    wait_until("it goes on", || summer.get_attr("went_on").is_ok());

    // What nobody handles is an error in the log, and no more.
    alice.send("lost", 1).unwrap();
    alice.send("prices", "not a price").unwrap();
    assert_eq!(summer.call("add", json!([1, 2])).unwrap(), 45);
    let unknown = summer.call("subtract", Value::Null);
    assert!(
        matches!(&unknown, Err(ProxyError::Fault(Fault::UnknownMethod { method, known, .. }))
            if method == "subtract" && *known == ["add", "panic", "slow"]),
        "{unknown:?}"
    );
    assert!(fault(summer.call("add", json!("x"))).contains("what it is called with"));
}

#[test]
fn a_slow_handler_stops_neither_questions_nor_heartbeats() {
    let place = place();
    let summer = start(&place);
    let proxy = summer.proxy().unwrap();
    let slow = proxy.with_timeout(TIMEOUT);
    let asked = std::thread::spawn(move || slow.call("slow", 4500));
    wait_until("it is at work", || proxy.is_running().unwrap());
    // Longer than the three seconds after which silence is suspicious.
    let mut watch = place.ns.watch();
    let suspect = watch.wait_until("suspicion", Duration::from_millis(4200), |notice| {
        format!("{notice:?}").contains("Suspect").then_some(())
    });
    assert!(
        matches!(suspect, Err(ProxyError::Timeout { .. })),
        "{suspect:?}"
    );
    asked.join().unwrap().unwrap();
    summer.shutdown().unwrap();
}

#[test]
fn a_panic_answers_and_ends_the_agent() {
    let place = place();
    let summer = start(&place);
    let answer = summer.proxy().unwrap().call("panic", Value::Null);
    let told = |reason: &str| reason.contains("panicked: as asked");
    assert!(
        matches!(&answer, Err(ProxyError::Fault(Fault::Handler { reason })) if told(reason)),
        "{answer:?}"
    );
    assert!(matches!(summer.join(), Err(RunError::Ended(101))));
    wait_until("it is not running", || {
        !place.ns.proxy("Summer").unwrap().is_running().unwrap()
    });
}

#[test]
fn hooks_run_in_their_order_and_an_idle_agent_knows_it() {
    let place = place();
    let address = place.address.clone();
    let (said, heard) = mpsc::channel();
    let hook = move |name: &'static str| {
        let said = said.clone();
        move |_: &mut Context<()>| {
            said.send(name)?;
            Ok(())
        }
    };
    let agent = spawn(move || {
        Agent::new(())
            .named("Hooked")
            .nameserver(&address)
            .on_init(hook("init"))
            .before_loop(hook("loop"))
            .on_start(hook("start"))
            .idle(Duration::from_millis(20), hook("idle"))
            .on_stop(hook("stop"))
    })
    .unwrap();
    let next = || heard.recv_timeout(TIMEOUT).unwrap();
    assert_eq!(
        [next(), next(), next(), next()],
        ["init", "loop", "start", "idle"]
    );
    assert_eq!(next(), "idle");
    agent.shutdown().unwrap();
    assert_eq!(heard.iter().last(), Some("stop"));
}

#[test]
fn what_begins_badly_is_an_error_at_once() {
    let place = place();
    let address = place.address.clone();
    let nameless = spawn(|| Agent::new(()).nameserver("127.0.0.1:1"));
    assert!(matches!(nameless, Err(RunError::NoName)));
    let misnamed = spawn(|| Agent::new(()).named("Al ice").nameserver("127.0.0.1:1"));
    assert!(matches!(misnamed, Err(RunError::BadName { .. })));
    let lost = spawn(|| Agent::new(()).named("Bob").nameserver("127.0.0.1:1"));
    assert!(matches!(lost, Err(RunError::NameServer(_))));
    let taken = address.clone();
    let taken = spawn(move || Agent::new(()).named("Alice").nameserver(&taken));
    assert!(matches!(taken, Err(RunError::Ended(1))));
    let failing = spawn(move || {
        Agent::new(())
            .named("Bob")
            .nameserver(&address)
            .on_init(|_| Err(anyhow::anyhow!("no luck")))
    });
    assert!(matches!(failing, Err(RunError::Ended(1))));
    let names = place.ns.agents().unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn an_agent_creates_agents_and_asks_them() {
    let place = place();
    let address = place.address.clone();
    let parent = spawn(move || {
        Agent::new(Vec::<Handle>::new())
            .named("Parent")
            .nameserver(&address)
            .method("create", |agent, names: Vec<String>| {
                for name in names {
                    let child = agent.spawn(move || {
                        Agent::new(())
                            .named(&name)
                            .method("greet", |agent, (): ()| {
                                Ok(format!("I am {}", agent.name()))
                            })
                    })?;
                    agent.state.push(child);
                }
                Ok(())
            })
            .method("greet", |agent, child: String| {
                Ok(agent.proxy(&child)?.call("greet", Value::Null)?)
            })
            .method("end", |agent, (): ()| {
                agent.shutdown();
                Ok("bye")
            })
    })
    .unwrap();
    let proxy = parent.proxy().unwrap();
    proxy.call("create", json!(["Ann", "Ben"])).unwrap();
    assert_eq!(proxy.call("greet", "Ben").unwrap(), "I am Ben");
    assert_eq!(proxy.call("end", Value::Null).unwrap(), "bye");
    parent.join().unwrap();
    // Its children were its own, and end with it.
    wait_until("only Alice runs", || {
        let agents = place.ns.agent_infos().unwrap();
        let running = agents.iter().filter(|it| it.state == State::Running);
        running.count() == 1
    });
}

#[test]
fn requests_are_waited_for_inside_of_a_handler() {
    let place = place();
    let address = place.address.clone();
    let _asker = spawn(move || {
        Agent::new(())
            .named("Asker")
            .nameserver(&address)
            .method("ask", |agent, question: Value| {
                Ok(agent.request::<Value>("ask", question)?)
            })
            .method("hasten", |agent, ms: u64| {
                let patience = Duration::from_millis(ms);
                Ok(agent.request_within::<Value>("ask", "slowly", patience)?)
            })
            .method("misspell", |agent, (): ()| Ok(agent.send("aks", 1)?))
    })
    .unwrap();
    let (alice, asker) = (
        place.ns.proxy("Alice").unwrap(),
        place.ns.proxy("Asker").unwrap(),
    );
    let echo = Handlers::one(Action::Echo);
    let address = alice.bind(Kind::Rep, "ask", Transport::Tcp, echo).unwrap();
    asker
        .connect(&address, "ask", Handlers::one(Action::Command))
        .unwrap();
    assert_eq!(
        asker.call("ask", json!({ "x": [1] })).unwrap(),
        json!({ "x": [1] })
    );
    let late = asker.call("hasten", 0);
    assert!(format!("{late:?}").contains("no answer within"), "{late:?}");
    let misspelt = asker.call("misspell", Value::Null);
    let told = |reason: &str| reason == "cannot send: there is no socket aks";
    assert!(
        matches!(&misspelt, Err(ProxyError::Fault(Fault::Handler { reason })) if told(reason)),
        "{misspelt:?}"
    );
}

#[test]
fn an_agent_binds_connects_and_keeps_time_by_itself() {
    let place = place();
    let address = place.address.clone();
    let _clock = spawn(move || {
        Agent::new(0u32)
            .named("Clock")
            .nameserver(&address)
            .on_init(|agent| {
                agent.bind(Kind::Pub, "ticks")?;
                agent.every(Duration::from_millis(10), |agent| {
                    agent.state += 1;
                    let count = agent.state;
                    Ok(agent.publish("ticks", "tick", count)?)
                })?;
                agent.every_named("slow", Duration::from_secs(60), |_| Ok(()))?;
                let taken = agent.every_named("slow", Duration::from_millis(1), |_| panic!());
                agent.set("taken", taken.unwrap_err().to_string())?;
                let once = agent.after(Duration::from_millis(1), |agent| {
                    Ok(agent.set("once", true)?)
                });
                agent.set("timer", once?)?;
                Ok(())
            })
            .method("halt", |agent, (): ()| Ok(agent.stop_timers()?))
            .method("rebind", |agent, (): ()| {
                agent.close("ticks", None)?;
                agent.bind(Kind::Pub, "ticks")?;
                Ok(agent.addr("ticks")?)
            })
    })
    .unwrap();
    let address = place.address.clone();
    let _hearer = spawn(move || {
        Agent::new(Vec::<u32>::new())
            .named("Hearer")
            .nameserver(&address)
            .method("listen", |agent, to: String| {
                agent.add_handler("heard", |agent, count: u32| {
                    agent.state.push(count);
                    let topic = agent.topic().map(str::to_owned);
                    agent.set("heard", (agent.state.len(), topic))?;
                    Ok(())
                });
                let handler = Handlers::one("call:heard".parse::<Action>()?);
                Ok(agent.connect_to(&to.parse()?, "ticks", Some(handler))?)
            })
    })
    .unwrap();
    let (clock, hearer) = (
        place.ns.proxy("Clock").unwrap(),
        place.ns.proxy("Hearer").unwrap(),
    );
    let wired = hearer.call("listen", "Clock.ticks").unwrap();
    assert_eq!(wired["to"], "Clock.ticks", "{wired}");
    let heard = || hearer.get_attr("heard").unwrap_or(Value::Null);
    wait_until("ticks are heard", || heard()[0].as_u64() >= Some(3));
    assert_eq!(heard()[1], "tick");
    wait_until("the other timer has fired", || {
        clock.get_attr("once").is_ok()
    });
    // What has fired is no timer any more.
    let timers = clock.timers().unwrap().into_iter();
    let aliases: Vec<String> = timers.map(|it| it.alias.to_string()).collect();
    assert_eq!(aliases, ["timer-1", "slow"]);
    let taken = clock.get_attr_as::<String>("taken").unwrap();
    assert_eq!(taken, "Clock already has a timer slow");
    let unknown = clock.call("rest", Value::Null);
    assert!(
        matches!(&unknown, Err(ProxyError::Fault(Fault::UnknownMethod { known, .. }))
            if *known == ["halt", "rebind"]),
        "{unknown:?}"
    );
    clock.call("halt", Value::Null).unwrap();
    assert!(clock.timers().unwrap().is_empty());
    let moved = clock.call("rebind", Value::Null).unwrap();
    assert_eq!(
        place.ns.addr("Clock", "ticks").unwrap().address,
        moved["address"]
    );
    let again = hearer.call("listen", "Clock.ticks").unwrap();
    assert_eq!(again["address"], moved["address"]);
}

#[test]
fn answers_may_be_seen_to_later_and_code_may_be_added() {
    let place = place();
    let address = place.address.clone();
    let _asker = spawn(move || {
        Agent::new(())
            .named("Asker")
            .nameserver(&address)
            .method("ask", |agent, (text, ms): (String, u64)| {
                let patience = Duration::from_millis(ms);
                agent.request_then("ask", text, patience, |agent, answer| {
                    let told = match answer {
                        Ok(answer) => answer,
                        Err(error) => format!("error: {error}"),
                    };
                    Ok(agent.set("answer", told)?)
                })?;
                Ok("asked")
            })
            .method("learn", |agent, word: String| {
                let said = word.clone();
                agent.add_method(&word, move |_, (): ()| Ok(said.to_uppercase()));
                Ok(())
            })
    })
    .unwrap();
    let (alice, asker) = (
        place.ns.proxy("Alice").unwrap(),
        place.ns.proxy("Asker").unwrap(),
    );
    let echo = Handlers::one(Action::Echo);
    let address = alice.bind(Kind::Rep, "ask", Transport::Tcp, echo).unwrap();
    asker
        .connect(&address, "ask", Handlers::one(Action::Command))
        .unwrap();
    assert_eq!(
        asker.call("ask", json!(["hello", 10_000])).unwrap(),
        "asked"
    );
    wait_until("the answer", || {
        asker.get_attr("answer").ok() == Some(json!("hello"))
    });
    asker.call("ask", json!(["hurry", 0])).unwrap();
    wait_until("the error", || {
        let answer = asker.get_attr("answer").unwrap().to_string();
        answer.contains("error: ask: no answer within 0s")
    });
    asker.call("learn", "shout").unwrap();
    assert_eq!(asker.call("shout", Value::Null).unwrap(), "SHOUT");
}

#[test]
fn an_agent_changes_its_sockets_and_timers_itself() {
    let place = place();
    let alice = place.ns.proxy("Alice").unwrap();
    let log = || Handlers::one(Action::Log);
    alice
        .bind(Kind::Pub, "feed", Transport::Tcp, Handlers::none())
        .unwrap();
    alice
        .bind(Kind::Pull, "inbox", Transport::Tcp, log())
        .unwrap();
    let address = place.address.clone();
    let agent = spawn(move || {
        Agent::new(0)
            .named("Worker")
            .nameserver(&address)
            .on_init(|agent| {
                agent.bind(Kind::Pull, "tasks")?;
                Ok(())
            })
            .before_loop(|agent| {
                let soon = Millis::new(5);
                let tick = TimerAction::call("tick", json!(2));
                agent.timer(When::Every(soon), tick, Some("ticking"))?;
                agent.timer(When::After(soon), TimerAction::set("late", true), None)?;
                Ok(())
            })
            .handler("tasks", |agent, task: u64| {
                agent.set("task", task)?;
                agent.close("tasks", None)?;
                let closed = agent.addr("tasks").is_err();
                Ok(agent.set("closed", closed)?)
            })
            .handler("news", |agent, text: String| Ok(agent.set("news", text)?))
            .method("tick", |agent, by: u64| {
                agent.state += by;
                let state = agent.state;
                Ok(agent.set("ticks", state)?)
            })
            .method("rewire", |agent, _: ()| {
                agent.connect("Alice.inbox", "out")?;
                agent.connect_to(&"Alice.feed".parse()?, "news", Some(by_topic("a")))?;
                agent.subscribe("news", by_topic("b"))?;
                agent.unsubscribe("news", &["a"])?;
                let timers = agent.timers()?.len();
                agent.stop_timers()?;
                Ok(timers)
            })
    })
    .unwrap();
    let worker = place.ns.proxy("Worker").unwrap();
    wait_until("its timers have run", || {
        let ticks = worker.get_attr("ticks").unwrap_or_default();
        ticks.as_u64() >= Some(4) && worker.get_attr("late").is_ok()
    });
    let tasks = place.ns.addr("Worker", "tasks").unwrap();
    alice.connect(&tasks, "tasks", Handlers::none()).unwrap();
    alice.send("tasks", 7).unwrap();
    wait_until("it has closed its socket", || {
        worker.get_attr("closed").unwrap_or_default() == true
    });
    assert!(place.ns.addr("Worker", "tasks").is_err());
    assert_eq!(worker.call("rewire", Value::Null).unwrap(), 1);
    alice.send_topic("feed", "no", Some("a")).unwrap();
    alice.send_topic("feed", "yes", Some("b")).unwrap();
    wait_until("it has the news", || worker.get_attr("news").is_ok());
    assert_eq!(worker.get_attr("news").unwrap(), "yes");
    assert_eq!(worker.timers().unwrap(), []);
    drop(agent);
}

fn by_topic(topic: &str) -> Handlers {
    Handlers::ByTopic([(topic.to_owned(), vec![Action::Command])].into())
}

#[test]
fn a_rust_agent_asks_by_a_channel_and_goes_on() {
    let place = place();
    let alice = place.ns.proxy("Alice").unwrap();
    let echo = Handlers::one(Action::Echo);
    alice
        .bind(Kind::AsyncRep, "desk", Transport::Tcp, echo)
        .unwrap();
    let address = place.address.clone();
    let _asker = spawn(move || {
        Agent::new(())
            .named("Asker")
            .nameserver(&address)
            .method("go", |agent, text: String| {
                agent.connect("Alice.desk", "later")?;
                agent.send("later", &text)?;
                let replies = Replies {
                    on_reply: Some(vec!["call:heard".parse()?]),
                    ..Replies::default()
                };
                agent.ask_by("later", &text, replies)?;
                Ok("asked")
            })
            .handler("later", |agent, text: String| Ok(agent.set("later", text)?))
            .handler("heard", |agent, text: String| Ok(agent.set("heard", text)?))
    })
    .unwrap();
    let asker = place.ns.proxy("Asker").unwrap();
    assert_eq!(asker.call("go", "hello").unwrap(), "asked");
    wait_until("both answers are handled", || {
        ["later", "heard"].iter().all(|name| {
            let value = asker.get_attr(name).unwrap_or_default();
            value == "hello"
        })
    });
}

#[test]
fn bytes_come_and_go_as_they_are() {
    #[derive(Serialize, Deserialize)]
    struct Image {
        width: u32,
        pixels: Bytes,
    }
    let place = place();
    let address = place.address.clone();
    let bind = |agent: &mut Context<()>, alias: &str, kind, serializer| {
        agent.bind_to(BindSpec {
            alias: alias.parse()?,
            kind,
            endpoint: None,
            serializer,
            handlers: None,
            admits: Admits::anyone(),
        })?;
        Ok::<(), Error>(())
    };
    let _painter = spawn(move || {
        Agent::new(())
            .named("Painter")
            .nameserver(&address)
            .on_init(move |agent| {
                bind(agent, "raw", Kind::Rep, Serializer::Raw)?;
                bind(agent, "msgpack", Kind::Rep, Serializer::Msgpack)?;
                bind(agent, "text", Kind::Rep, Serializer::Raw)
            })
            .handler("raw", |agent, mut bytes: Bytes| {
                agent.set("size", bytes.len())?;
                bytes.reverse();
                Ok(bytes)
            })
            .handler("msgpack", |_, mut image: Image| {
                image.width += 1;
                image.pixels.reverse();
                Ok(image)
            })
            .handler("text", |_, bytes: Vec<u8>| Ok(String::from_utf8(bytes)?))
    })
    .unwrap();
    let context = zmq::Context::new();
    let ask = |alias: &str, body: &[u8]| {
        let at = place.ns.addr("Painter", alias).unwrap();
        let socket = context.socket(zmq::REQ).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_rcvtimeo(30_000).unwrap();
        socket.connect(&at.address).unwrap();
        socket.send(body, 0).unwrap();
        socket.recv_bytes(0).unwrap()
    };
    let mut large: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
    let back = ask("raw", &large);
    large.reverse();
    assert!(back == large, "{} bytes", back.len());
    let painter = place.ns.proxy("Painter").unwrap();
    assert_eq!(painter.get_attr("size").unwrap(), 1 << 20);
    // {"width": 1, "pixels": bytes of 3}
    let image = b"\x82\xa5width\x01\xa6pixels\xc4\x03\x00\xff\x80";
    let back = ask("msgpack", image);
    // The keys of what goes out are in order.
    assert_eq!(back, b"\x82\xa6pixels\xc4\x03\x80\xff\x00\xa5width\x02");
    assert_eq!(ask("text", b"hi"), b"hi");
    // What is no message is counted, and its requester is told.
    let garbled = ask("msgpack", b"\xc1");
    assert!(String::from_utf8_lossy(&garbled).contains("$error"));
    let stats = painter.status().unwrap().sockets;
    assert_eq!(stats[&"msgpack".parse().unwrap()].garbled, 1);
}

#[test]
fn other_threads_answer_and_have_code_run() {
    let place = place();
    let address = place.address.clone();
    let (to_worker, orders) = mpsc::channel::<(Remote<u64>, Promise, u64)>();
    let worker = std::thread::spawn(move || {
        let mut last = None;
        for (remote, promise, number) in orders {
            remote
                .run(move |agent| {
                    agent.state += number;
                    let total = agent.state;
                    Ok(agent.set("total", total)?)
                })
                .unwrap();
            match number {
                13 => remote.break_promise(promise, &Error::msg("not that one")),
                number => remote.keep(promise, number * 2),
            }
            .unwrap();
            last = Some(remote);
        }
        last
    });
    let agent = spawn(move || {
        let to_worker = to_worker.clone();
        Agent::new(0u64)
            .named("Busy")
            .nameserver(&address)
            .method("double", move |agent, number: u64| {
                to_worker.send((agent.remote(), agent.promise()?, number))?;
                Ok(())
            })
            .method("block", |_, ms: u64| {
                std::thread::sleep(Duration::from_millis(ms));
                Ok(())
            })
    })
    .unwrap();
    let busy = place.ns.proxy("Busy").unwrap();
    let answers: Vec<_> = (1..=5)
        .map(|n| busy.begin().call_as::<u64>("double", n))
        .collect();
    let answers: Vec<u64> = answers.into_iter().map(|it| it.wait().unwrap()).collect();
    assert_eq!(answers, [2, 4, 6, 8, 10]);
    let refused = busy.call("double", 13).unwrap_err();
    assert_eq!(refused.to_string(), "not that one");
    wait_until("all was added", || {
        busy.get_attr("total").ok() == Some(json!(28))
    });
    agent.shutdown().unwrap();
    let last = worker.join().unwrap().unwrap();
    wait_until("the agent has ended for other threads too", || {
        last.run(|_| Ok(())).is_err()
    });
}
