//! The sockets that the daemon listens on: bound at the start, and changed by a reload.

use super::plan::{ServePlan, SocketPlan};
use super::start_error::StartError;
use hullo::greeting::{Dialect, Guard, Responder};
use hullo::{Address, DatagramId, Host, ListenerId, Net, SourceId};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// The open sockets, in the order of the plan.
#[derive(Default)]
pub struct Sockets {
    open: Vec<Socket>,
    /// Whether they are those of the first reactor, which binds the ports that the workers share.
    is_first: bool,
}

/// One open socket.
struct Socket {
    plan: SocketPlan,
    kind: Kind,
    /// The file that its bind made, if it is a Unix socket with a path.
    file: Option<Inode>,
}

/// The numbers of a device and of a file on it.
type Inode = (u64, u64);

/// The id of a socket in the reactor, and what answers datagrams.
enum Kind {
    Listener(ListenerId),
    Datagrams(DatagramId, Box<Responder>),
}

impl Sockets {
    /// Those of the first reactor, or of the only one.
    pub fn for_first_reactor() -> Sockets {
        Sockets { open: Vec::new(), is_first: true }
    }

    /// Opens every socket of the plan, or none of them.
    pub fn open(&mut self, net: &mut Net, plan: &ServePlan) -> Result<(), StartError> {
        self.open = self.bind_all(net, &plan.sockets, plan.guard)?;
        Ok(())
    }

    /// Goes over to another plan. The new sockets are bound first, and nothing changes unless all of them are. A socket that
    /// stays open speaks its new dialect with the clients that come from now on. Returns a line for each socket that was
    /// opened or closed.
    pub fn switch_to(&mut self, net: &mut Net, plan: &ServePlan) -> Result<Vec<String>, StartError> {
        let pairs = self.match_open(&plan.sockets);
        let is_new = |(wanted, pair): (&SocketPlan, &Option<usize>)| pair.is_none().then(|| wanted.clone());
        let new = plan.sockets.iter().zip(&pairs).filter_map(is_new).collect::<Vec<_>>();
        let new = self.bind_all(net, &new, plan.guard)?;
        let mut changes: Vec<String> =
            new.iter().map(|socket| format!("opened {}", socket.description(net))).collect();
        let mut new = new.into_iter();
        let mut former = self.open.drain(..).map(Some).collect::<Vec<_>>();
        let next = |(wanted, pair): (&SocketPlan, Option<usize>)| {
            let Some(mut socket) = pair.and_then(|at| former[at].take()) else { return new.next() };
            socket.follow(net, wanted, plan.guard);
            Some(socket)
        };
        self.open = plan.sockets.iter().zip(pairs).filter_map(next).collect();
        for socket in former.iter().flatten() {
            changes.push(format!("closed {}", socket.description(net)));
            socket.close(net);
        }
        Ok(changes)
    }

    /// For each wanted socket the index of the open one that goes on for it. Where several open sockets would do, since all of
    /// them asked for any free port, the one that speaks the same dialect is taken. A Unix socket whose file is gone does
    /// not do: it is bound anew.
    fn match_open(&self, wanted: &[SocketPlan]) -> Vec<Option<usize>> {
        let mut pairs = vec![None; wanted.len()];
        for is_dialect_asked in [true, false] {
            for (number, wanted) in wanted.iter().enumerate() {
                let is_it = |at: &usize| {
                    let plan = &self.open[*at].plan;
                    let speaks_it = plan.dialect.name() == wanted.dialect.name();
                    plan.is_same_socket(wanted)
                        && !self.open[*at].has_lost_its_file()
                        && (speaks_it || !is_dialect_asked)
                        && !pairs.contains(&Some(*at))
                };
                if pairs[number].is_none() {
                    pairs[number] = (0..self.open.len()).find(is_it);
                }
            }
        }
        pairs
    }

    /// The plan of the workers: the sockets that are shared, with their real ports.
    pub fn shared(&self, net: &Net, plan: &ServePlan) -> ServePlan {
        let shared = self.open.iter().filter(|socket| socket.plan.options.reuse_port);
        let sockets = shared.map(|socket| SocketPlan { address: socket.address(net), ..socket.plan.clone() });
        ServePlan { sockets: sockets.collect(), ..plan.clone() }
    }

    /// A line for each socket that clients can reach, with its real port.
    pub fn announcements(&self, net: &Net) -> Vec<String> {
        let open = self.open.iter().filter(|socket| socket.is_reachable());
        open.map(|socket| format!("listening on {}", socket.description(net))).collect()
    }

    pub fn dialect(&self, listener: ListenerId) -> Option<&Arc<Dialect>> {
        self.open.iter().find_map(|socket| match socket.kind {
            Kind::Listener(id) if id == listener => Some(&socket.plan.dialect),
            _ => None,
        })
    }

    pub fn responder(&mut self, datagrams: DatagramId) -> Option<&mut Responder> {
        self.open.iter_mut().find_map(|socket| match &mut socket.kind {
            Kind::Datagrams(id, responder) if *id == datagrams => Some(&mut **responder),
            _ => None,
        })
    }

    /// Takes a socket off the list, since a farewell closes it. Returns its address.
    pub fn forget(&mut self, net: &Net, datagrams: DatagramId) -> Option<Address> {
        let at = self
            .open
            .iter()
            .position(|socket| matches!(socket.kind, Kind::Datagrams(id, _) if id == datagrams))?;
        Some(self.open.remove(at).address(net))
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn bind_all(&self, net: &mut Net, plans: &[SocketPlan], guard: Guard) -> Result<Vec<Socket>, StartError> {
        let mut open: Vec<Socket> = Vec::with_capacity(plans.len());
        let bound = self.bind_into(&mut open, net, plans, guard);
        bound.inspect_err(|_| open.iter().for_each(|socket| socket.close(net)))?;
        Ok(open)
    }

    fn bind_into(
        &self,
        open: &mut Vec<Socket>,
        net: &mut Net,
        plans: &[SocketPlan],
        guard: Guard,
    ) -> Result<(), StartError> {
        let mut missing = Vec::new();
        for plan in plans {
            let bound = if self.is_first && plan.options.reuse_port {
                Socket::bind_and_share(net, plan, guard)
            } else {
                Socket::bind(net, plan, guard)
            };
            match bound {
                Ok(socket) => open.push(socket),
                Err(error) if plan.name.is_some() && error.is_missing() => missing.push((plan, error)),
                Err(mut error) => {
                    if error.error.kind() == io::ErrorKind::AddrInUse {
                        let mut ours = self.open.iter().chain(open.iter());
                        let own = ours.find(|socket| socket.is_in_the_way_of(net, &plan.address));
                        error.own_socket = own.map(|own| own.address(net));
                    }
                    return Err(error);
                }
            }
        }
        // A name may have addresses that this machine lacks: a hosts file gives `localhost` an IPv6 address even where the
        // loopback interface has none. One address of the name is enough.
        for (SocketPlan { address, name, .. }, error) in missing {
            if !self.open.iter().chain(open.iter()).any(|socket| socket.plan.name == *name) {
                return Err(error);
            }
            let name = name.as_ref().map(Address::to_string).unwrap_or_default();
            log::warn!("{address} is no address of this machine: {name} is served at its other addresses");
        }
        Ok(())
    }
}

impl Socket {
    /// Binds the socket without SO_REUSEPORT, and sets the option afterwards for the other reactors of this daemon. With the
    /// option set before, the kernel would let two daemons of the same user share the port.
    fn bind_and_share(net: &mut Net, plan: &SocketPlan, guard: Guard) -> Result<Socket, StartError> {
        let mut alone = plan.clone();
        alone.options.reuse_port = false;
        let socket = Socket::bind(net, &alone, guard)?;
        if let Err(error) = net.controls(socket.id()).and_then(|controls| controls.set_reuse_port(true)) {
            socket.close(net);
            return Err(StartError { address: Some(plan.address.clone()), own_socket: None, error });
        }
        Ok(Socket { plan: plan.clone(), ..socket })
    }

    fn bind(net: &mut Net, plan: &SocketPlan, guard: Guard) -> Result<Socket, StartError> {
        let kind = if plan.address.is_datagram() {
            net.bind_with(&plan.address, &plan.options)
                .map(|id| Kind::Datagrams(id, Box::new(Responder::new(plan.dialect.clone(), guard))))
        } else if let Some(tls) = &plan.tls {
            net.listen_tls(&plan.address, &plan.options, &tls.server).map(Kind::Listener)
        } else {
            net.listen_with(&plan.address, &plan.options).map(Kind::Listener)
        };
        match kind {
            Ok(kind) => Ok(Socket { plan: plan.clone(), kind, file: plan.address.path().and_then(inode) }),
            Err(error) => Err(StartError { address: Some(plan.address.clone()), own_socket: None, error }),
        }
    }

    /// Whether there is no file under its path any more.
    fn has_lost_its_file(&self) -> bool {
        self.file.is_some() && self.plan.address.path().is_some_and(|path| inode(path).is_none())
    }

    /// Whether clients that connect to its address reach it: its file may have been replaced.
    fn is_reachable(&self) -> bool {
        self.file.is_none() || self.file == self.plan.address.path().and_then(inode)
    }

    /// Whether it is the reason why the wanted address cannot be bound.
    fn is_in_the_way_of(&self, net: &Net, wanted: &Address) -> bool {
        match (self.address(net), wanted) {
            (
                Address::Tcp(own, own_port) | Address::Tls(own, own_port),
                Address::Tcp(host, port) | Address::Tls(host, port),
            )
            | (Address::Udp(own, own_port), Address::Udp(host, port)) => {
                own_port == *port && do_overlap(&own, host)
            }
            _ => self.file.is_some() && self.file == wanted.path().and_then(inode),
        }
    }

    /// The address that it is bound to, with its real port.
    fn address(&self, net: &Net) -> Address {
        net.local_addr(self.id()).unwrap_or_else(|_| self.plan.address.clone())
    }

    /// Its address and its dialect, as the log names it.
    fn description(&self, net: &Net) -> String {
        format!("{} ({})", self.address(net), self.plan.dialect.name())
    }

    fn id(&self) -> SourceId {
        match self.kind {
            Kind::Listener(id) => id.into(),
            Kind::Datagrams(id, _) => id.into(),
        }
    }

    fn follow(&mut self, net: &mut Net, plan: &SocketPlan, guard: Guard) {
        if self.plan.options != plan.options {
            self.change_options(net, plan);
        }
        if !self.is_reachable() {
            let address = &plan.address;
            log::warn!(
                "{address}: nobody reaches it, another file is in its place: move that away and reload"
            );
        }
        self.plan = plan.clone();
        match (&mut self.kind, &plan.tls) {
            (Kind::Datagrams(_, responder), _) => **responder = Responder::new(plan.dialect.clone(), guard),
            (Kind::Listener(listener), Some(tls)) => {
                let server = tls.server.clone();
                net.put_layers(*listener, move || Ok(Box::new(server.session()?)));
            }
            (Kind::Listener(_), None) => {}
        }
    }

    /// The file of a Unix socket can change its mode. All other options were settled when the socket was opened.
    fn change_options(&self, net: &mut Net, plan: &SocketPlan) {
        if let Some(mode) = plan.options.mode
            && let Err(error) = net.set_mode(self.id(), mode)
        {
            log::warn!("{}: its mode stays as it is: {error}", plan.address);
        }
        let settled = |plan: &SocketPlan| (plan.options.nodelay, plan.options.reuse_address);
        if settled(&self.plan) != settled(plan) {
            log::warn!("{}: nodelay and reuse_address change only with a restart", plan.address);
        }
    }

    fn close(&self, net: &mut Net) {
        match self.kind {
            Kind::Listener(id) => net.close_listener(id),
            Kind::Datagrams(id, _) => net.close_datagrams(id),
        };
    }
}

fn inode(path: &Path) -> Option<Inode> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

fn do_overlap(one: &Host, other: &Host) -> bool {
    match (one, other) {
        (Host::Any, _) | (_, Host::Any) => true,
        (Host::Ip(one), Host::Ip(other)) => {
            one == other
                || one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified())
        }
        (Host::Scoped(..), Host::Ip(ip)) | (Host::Ip(ip), Host::Scoped(..)) => {
            ip.is_ipv6() && ip.is_unspecified()
        }
        _ => one == other,
    }
}
