//! Options of sockets that the `zmq` crate does not know.

use std::ffi::c_void;

/// Sets an option whose value is an int.
pub fn set_int(socket: &mut zmq::Socket, option: i32, value: i32) -> zmq::Result<()> {
    set_bytes(socket, option, &value.to_ne_bytes())
}

/// Sets an option whose value is these bytes.
pub(crate) fn set_bytes(socket: &mut zmq::Socket, option: i32, value: &[u8]) -> zmq::Result<()> {
    // SAFETY: the socket is alive; libzmq reads so many bytes there, and copies them.
    let outcome = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option,
            value.as_ptr().cast::<c_void>(),
            value.len(),
        )
    };
    checked(outcome)
}

/// An option whose value is a number of 64 bits.
pub(crate) fn get_u64(socket: &mut zmq::Socket, option: i32) -> zmq::Result<u64> {
    let bytes = get_bytes(socket, option, size_of::<u64>())?;
    let bytes = bytes.try_into().map_err(|_| zmq::Error::EINVAL)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// An option whose value is so many bytes at most. Text ends with a zero.
pub(crate) fn get_bytes(
    socket: &mut zmq::Socket,
    option: i32,
    room: usize,
) -> zmq::Result<Vec<u8>> {
    let mut bytes = vec![0u8; room];
    let mut length = room;
    // SAFETY: the socket is alive; libzmq writes at most `length` bytes there, and then how many it were.
    let outcome = unsafe {
        zmq_sys::zmq_getsockopt(
            socket.as_mut_ptr(),
            option,
            bytes.as_mut_ptr().cast::<c_void>(),
            &raw mut length,
        )
    };
    checked(outcome)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn checked(outcome: i32) -> zmq::Result<()> {
    match outcome {
        // SAFETY: reads a thread-local number.
        -1 => Err(zmq::Error::from_raw(unsafe { zmq_sys::zmq_errno() })),
        _ => Ok(()),
    }
}
