//! An XPUB tells how many messages its subscribers have missed, exactly.
//!
//! libzmq takes a subscriber whose queue is full out of the set that messages are matched against; later sends
//! succeed without it, and nobody counts. Here, two numbers are kept: how many subscribers messages have
//! matched, in sum, and how many of these did not get theirs. Each subscriber counts once for a message, however
//! many of its prefixes match: the serial number of the message sees to that. Both are counted in the thread of
//! the application, and read by two options of `getsockopt` that no other libzmq has: 0x6f736201 and 0x6f736202,
//! 64 bits each.

use crate::patch::{Edit, Patch};

pub const PATCH: Patch = Patch {
    name: "count_losses",
    edits: &[
        Edit {
            file: "src/pipe.hpp",
            from: "    //  Returns true if HWM is not reached\n",
            to: r#"
    //  True at the first call for each serial number.
    bool first_miss (uint64_t serial_)
    {
        const bool first = _missed != serial_;
        _missed = serial_;
        return first;
    }

    //  Returns true if HWM is not reached
"#,
        },
        Edit {
            file: "src/pipe.hpp",
            from: "    //  The pipe object on the other side of the pipepair.\n",
            to: r#"
    //  Serial number of the last message that did not get into this pipe.
    uint64_t _missed;

    //  The pipe object on the other side of the pipepair.
"#,
        },
        Edit {
            file: "src/pipe.cpp",
            from: "    _peers_msgs_read (0),\n",
            to: "    _peers_msgs_read (0),\n    _missed (0),\n",
        },
        Edit {
            file: "src/dist.hpp",
            from: "    static bool has_out ();\n",
            to: r#"
    static bool has_out ();

    //  A new message is about to be matched.
    void begin () { ++_serial; }

    //  How many pipes messages have matched, and how many of these missed
    //  theirs, in sum.
    uint64_t matched () const { return _matched; }
    uint64_t lost () const { return _lost; }
"#,
        },
        Edit {
            file: "src/dist.hpp",
            from: "    //  True if last we are in the middle of a multipart message.\n",
            to: r#"
    //  Number of the message that is being sent.
    uint64_t _serial;

    uint64_t _matched;
    uint64_t _lost;

    //  True if last we are in the middle of a multipart message.
"#,
        },
        Edit {
            file: "src/dist.hpp",
            from: "#include \"macros.hpp\"\n",
            to: "#include \"macros.hpp\"\n#include \"stdint.hpp\"\n",
        },
        Edit {
            file: "src/dist.cpp",
            from: "    _matching (0), _active (0), _eligible (0), _more (false)\n",
            to: r#"
    _matching (0),
    _active (0),
    _eligible (0),
    _serial (0),
    _matched (0),
    _lost (0),
    _more (false)
"#,
        },
        Edit {
            file: "src/dist.cpp",
            from: "    if (_pipes.index (pipe_) >= _eligible)\n        return;\n",
            to: r#"
    if (_pipes.index (pipe_) >= _eligible) {
        if (pipe_->first_miss (_serial)) {
            ++_matched;
            ++_lost;
        }
        return;
    }
"#,
        },
        Edit {
            file: "src/dist.cpp",
            from: "    //  Mark the pipe as matching.\n    _pipes.swap (_pipes.index (pipe_), _matching);\n",
            to: r#"
    //  Mark the pipe as matching.
    ++_matched;
    _pipes.swap (_pipes.index (pipe_), _matching);
"#,
        },
        Edit {
            file: "src/dist.cpp",
            from: "    if (!pipe_->write (msg_)) {\n",
            to: "    if (!pipe_->write (msg_)) {\n        if (pipe_->first_miss (_serial))\n            ++_lost;\n",
        },
        Edit {
            file: "src/xpub.cpp",
            from: "        // Ensure nothing from previous failed attempt to send is left matched\n",
            to: "        _dist.begin ();\n        // Ensure nothing from previous failed attempt to send is left matched\n",
        },
        Edit {
            file: "src/xpub.cpp",
            from: "    // room for future options here\n",
            to: r#"
    if (option_ == 0x6f736201)
        return do_getsockopt<uint64_t> (optval_, optvallen_, _dist.matched ());
    if (option_ == 0x6f736202)
        return do_getsockopt<uint64_t> (optval_, optvallen_, _dist.lost ());

    // room for future options here
"#,
        },
    ],
};
