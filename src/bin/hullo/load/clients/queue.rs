//! Who has waited longest: an order of places that are known by number. Its memory is fixed at the start.

/// Places in the order in which they came; any of them can leave in constant time.
pub(crate) struct Queue {
    links: Vec<Link>,
    first: u32,
    last: u32,
}

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

const NONE: u32 = u32::MAX;
/// `before` of a place that does not wait.
const AWAY: u32 = u32::MAX - 1;

impl Queue {
    pub(crate) fn new(places: usize) -> Queue {
        Queue { links: vec![Link { before: AWAY, after: NONE }; places], first: NONE, last: NONE }
    }

    /// At the end; a place that waits already keeps its turn.
    #[inline]
    pub(crate) fn push(&mut self, place: u32) {
        if self.links[place as usize].before != AWAY {
            return;
        }
        self.links[place as usize] = Link { before: self.last, after: NONE };
        match self.last {
            NONE => self.first = place,
            last => self.links[last as usize].after = place,
        }
        self.last = place;
    }

    #[inline]
    pub(crate) fn remove(&mut self, place: u32) {
        let Link { before, after } = self.links[place as usize];
        if before == AWAY {
            return;
        }
        self.links[place as usize].before = AWAY;
        match before {
            NONE => self.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.links[after as usize].before = before,
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        Some(self.first).filter(|&first| first != NONE)
    }

    /// All, the last one first.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = u32> + '_ {
        let in_line = |place: u32| Some(place).filter(|&place| place != NONE);
        std::iter::successors(in_line(self.last), move |&place| in_line(self.links[place as usize].before))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first == NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(queue: &mut Queue) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(first) = queue.first() {
            order.push(first);
            queue.remove(first);
        }
        order
    }

    #[test]
    fn whoever_came_first_is_first_and_anybody_may_leave() {
        let mut queue = Queue::new(5);
        [3, 1, 4, 0, 1].into_iter().for_each(|place| queue.push(place));
        queue.remove(4);
        queue.remove(2);
        queue.push(2);
        assert_eq!(queue.backwards().collect::<Vec<_>>(), [2, 0, 1, 3]);
        assert_eq!(order(&mut queue), [3, 1, 0, 2]);
        assert!(queue.is_empty());
        [0, 1, 2].into_iter().for_each(|place| queue.push(place));
        queue.remove(0);
        queue.remove(2);
        queue.push(0);
        assert_eq!(order(&mut queue), [1, 0]);
    }
}
