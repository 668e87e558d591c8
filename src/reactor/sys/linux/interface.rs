//! Network interfaces, by name and by number.

use std::ffi::{CStr, CString};
use std::io;

/// The number of an interface (if_nametoindex(3)).
pub(crate) fn interface_number(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: `name` ends in a NUL and outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        number => Ok(number),
    }
}

/// The name of an interface (if_indextoname(3)), if there is one of that number.
pub(crate) fn interface_name(number: u32) -> Option<String> {
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the call writes at most IF_NAMESIZE bytes, a NUL among them, to `name`, which outlives it.
    let is_known = !unsafe { libc::if_indextoname(number, name.as_mut_ptr().cast()) }.is_null();
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|_| is_known)?;
    name.to_str().ok().map(str::to_owned)
}
