//! Control messages: what rides beside the bytes of a datagram (cmsg(3)).

use crate::reactor::sys::datagrams::Arrival;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// Room for the control messages of a datagram that we send, aligned as `cmsghdr` must be: an `in6_pktinfo` takes 40 bytes,
/// the size of a segment 24.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(in crate::reactor::sys) struct Control(pub(in crate::reactor::sys) [u8; 64]);

/// What the control messages of a datagram tell.
#[derive(Default)]
pub(in crate::reactor::sys) struct Notes {
    pub(in crate::reactor::sys) to: Option<Arrival>,
    pub(in crate::reactor::sys) segment: Option<usize>,
}

pub(in crate::reactor::sys) fn notes(header: &libc::msghdr) -> Notes {
    let mut notes = Notes::default();
    // SAFETY: the CMSG macros walk the control buffer of a header that recvmmsg filled, within `msg_controllen`;
    // each payload is read as the type that its level and type promise, without assuming alignment.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                // On a socket of both families it says more than its counterpart: ipi_spec_dst is our own address even
                // if the datagram went to a broadcast one.
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = ptr::read_unaligned(data.cast());
                    let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                    notes.to = Some(Arrival { ip: ip.into(), interface: info.ipi_ifindex as u32 });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = ptr::read_unaligned(data.cast());
                    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let arrival = Arrival { ip: ip.into(), interface: info.ipi6_ifindex };
                    notes.to.get_or_insert(arrival);
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let size: libc::c_int = ptr::read_unaligned(data.cast());
                    notes.segment = usize::try_from(size).ok();
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    notes
}

/// Writes the control message that names the source address; its length.
pub(in crate::reactor::sys) fn leave_from(control: &mut Control, from: Arrival) -> usize {
    match from.ip {
        IpAddr::V4(ip) => {
            // SAFETY: a plain C structure, for which all-zero bytes are a value.
            let mut info: libc::in_pktinfo = unsafe { mem::zeroed() };
            info.ipi_spec_dst.s_addr = u32::from_ne_bytes(ip.octets());
            put(control, 0, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        IpAddr::V6(ip) => {
            // SAFETY: a plain C structure as well.
            let mut info: libc::in6_pktinfo = unsafe { mem::zeroed() };
            info.ipi6_addr.s6_addr = ip.octets();
            // Only a link-local address needs its interface; for others the routes decide.
            info.ipi6_ifindex = if ip.is_unicast_link_local() { from.interface } else { 0 };
            put(control, 0, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

/// Writes a control message behind the `used` bytes of others; how many bytes are used then.
pub(in crate::reactor::sys) fn put<T: Copy>(
    control: &mut Control,
    used: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> usize {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: arithmetic only.
    let (length, space) = unsafe { (libc::CMSG_LEN(size) as usize, libc::CMSG_SPACE(size) as usize) };
    let room = &mut control.0[used..used + space];
    // SAFETY: `room` holds the header, and the value behind it; neither is assumed to be aligned.
    unsafe {
        let mut header: libc::cmsghdr = mem::zeroed();
        (header.cmsg_len, header.cmsg_level, header.cmsg_type) = (length as _, level, kind);
        ptr::write_unaligned(room.as_mut_ptr().cast(), header);
        ptr::write_unaligned(room[length - size as usize..].as_mut_ptr().cast(), value);
    }
    used + space
}
