//! Options of sockets that the `zmq` crate does not know.

use std::ffi::c_void;

/// Sets an option whose value is an int.
pub fn set_int(socket: &mut zmq::Socket, option: i32, value: i32) -> zmq::Result<()> {
    // SAFETY: the socket is alive; the option takes an int, which is copied.
    let outcome = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<i32>(),
        )
    };
    match outcome {
        // SAFETY: reads a thread-local number.
        -1 => Err(zmq::Error::from_raw(unsafe { zmq_sys::zmq_errno() })),
        _ => Ok(()),
    }
}
