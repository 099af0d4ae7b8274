//! A timer is found at once, however many there are.
//!
//! Each connection has a timer until its handshake is done, and libzmq looks for the one to be cancelled through all of
//! them. With thousands of strangers who do not finish theirs, each handshake, a member's too, cost the I/O thread a walk
//! past all of these: two thirds of its time. Timers are known by whom they are for as well.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "timers",
    edits: &[
        Edit {
            file: "src/poller_base.hpp",
            from: "    timers_t _timers;\n",
            to: r#"
    timers_t _timers;

    //  The same, by whom they are for.
    typedef std::multimap<std::pair<zmq::i_poll_events *, int>,
                          timers_t::iterator>
      timers_of_t;
    timers_of_t _timers_of;

    //  The one of a sink that is due first; or the one that is meant.
    timers_of_t::iterator find_timer (zmq::i_poll_events *sink_,
                                      int id_,
                                      const timers_t::iterator *meant_);
"#,
        },
        Edit {
            file: "src/poller_base.cpp",
            from: "    _timers.insert (timers_t::value_type (expiration, info));\n}\n",
            to: r#"
    const timers_t::iterator it =
      _timers.insert (timers_t::value_type (expiration, info));
    _timers_of.insert (
      timers_of_t::value_type (std::make_pair (sink_, id_), it));
}

zmq::poller_base_t::timers_of_t::iterator
zmq::poller_base_t::find_timer (i_poll_events *sink_,
                                int id_,
                                const timers_t::iterator *meant_)
{
    const std::pair<timers_of_t::iterator, timers_of_t::iterator> all =
      _timers_of.equal_range (std::make_pair (sink_, id_));
    timers_of_t::iterator found = _timers_of.end ();
    for (timers_of_t::iterator it = all.first; it != all.second; ++it) {
        if (meant_) {
            if (it->second == *meant_)
                return it;
        } else if (found == _timers_of.end ()
                   || it->second->first < found->second->first)
            found = it;
    }
    return found;
}
"#,
        },
        Edit {
            file: "src/poller_base.cpp",
            from: r#"
    //  Complexity of this operation is O(n). We assume it is rarely used.
    for (timers_t::iterator it = _timers.begin (), end = _timers.end ();
         it != end; ++it)
        if (it->second.sink == sink_ && it->second.id == id_) {
            _timers.erase (it);
            return;
        }
"#,
            to: r#"
    const timers_of_t::iterator found = find_timer (sink_, id_, NULL);
    if (found != _timers_of.end ()) {
        _timers.erase (found->second);
        _timers_of.erase (found);
        return;
    }
"#,
        },
        Edit {
            file: "src/poller_base.cpp",
            from: "        timer_temp = it->second;\n        _timers.erase (it);\n",
            to: r#"
        timer_temp = it->second;
        _timers_of.erase (find_timer (timer_temp.sink, timer_temp.id, &it));
        _timers.erase (it);
"#,
        },
    ],
};
