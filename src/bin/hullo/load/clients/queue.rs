//! Who has waited longest: an order of clients, or of their flights. Its memory is fixed at the start.

use std::marker::PhantomData;

/// Members in the order in which they came; any of them can leave in constant time.
pub struct Queue<T> {
    links: Vec<Link>,
    first: u32,
    last: u32,
    members: PhantomData<T>,
}

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

const NONE: u32 = u32::MAX;
/// `before` of a member that does not wait.
const AWAY: u32 = u32::MAX - 1;

impl<T: Copy + From<u32> + Into<u32>> Queue<T> {
    /// Memory that each member takes, in bytes.
    pub const BYTES_EACH: usize = size_of::<Link>();

    /// An empty queue for so many members, numbered from 0.
    pub fn new(members: usize) -> Queue<T> {
        let away = Link { before: AWAY, after: NONE };
        Queue { links: vec![away; members], first: NONE, last: NONE, members: PhantomData }
    }

    /// Puts a member at the end. One that waits already keeps its place.
    #[inline]
    pub fn push(&mut self, member: T) {
        let member = member.into();
        if self.links[member as usize].before != AWAY {
            return;
        }
        self.links[member as usize] = Link { before: self.last, after: NONE };
        match self.last {
            NONE => self.first = member,
            last => self.links[last as usize].after = member,
        }
        self.last = member;
    }

    /// Takes a member out, wherever it stands; one that does not wait is no matter.
    #[inline]
    pub fn remove(&mut self, member: T) {
        let member = member.into();
        let Link { before, after } = self.links[member as usize];
        if before == AWAY {
            return;
        }
        self.links[member as usize].before = AWAY;
        match before {
            NONE => self.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.links[after as usize].before = before,
        }
    }

    /// Takes everybody out.
    pub fn clear(&mut self) {
        while let Some(first) = self.first() {
            self.remove(first);
        }
    }

    #[inline]
    pub fn first(&self) -> Option<T> {
        Some(self.first).filter(|&first| first != NONE).map(T::from)
    }

    /// All members, the last one first.
    pub fn backwards(&self) -> impl Iterator<Item = T> + '_ {
        let in_line = |member: u32| Some(member).filter(|&member| member != NONE);
        let before = move |&member: &u32| in_line(self.links[member as usize].before);
        std::iter::successors(in_line(self.last), before).map(T::from)
    }

    pub fn is_empty(&self) -> bool {
        self.first == NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(queue: &mut Queue<u32>) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(first) = queue.first() {
            order.push(first);
            queue.remove(first);
        }
        order
    }

    #[test]
    fn whoever_came_first_is_first_and_anybody_may_leave() {
        let mut queue = Queue::<u32>::new(5);
        [3, 1, 4, 0, 1].into_iter().for_each(|member| queue.push(member));
        queue.remove(4);
        queue.remove(2);
        queue.push(2);
        assert_eq!(queue.backwards().collect::<Vec<_>>(), [2, 0, 1, 3]);
        assert_eq!(order(&mut queue), [3, 1, 0, 2]);
        assert!(queue.is_empty());
        [0, 1, 2].into_iter().for_each(|member| queue.push(member));
        queue.remove(0);
        queue.remove(2);
        queue.push(0);
        assert_eq!(order(&mut queue), [1, 0]);
        [0, 1, 2].into_iter().for_each(|member| queue.push(member));
        queue.clear();
        assert!(queue.is_empty());
        queue.push(1);
        assert_eq!(order(&mut queue), [1]);
    }
}
