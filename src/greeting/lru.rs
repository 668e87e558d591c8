//! A bounded table that forgets what was not asked for the longest.

use std::collections::HashMap;
use std::hash::Hash;

/// At most `capacity` values by key: where there would be one more, the least recently used goes.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    capacity: usize,
    index: HashMap<K, usize>,
    nodes: Vec<Node<K, V>>,
    newest: usize,
    oldest: usize,
}

/// A value in a list ordered by use. The ends of the list point at `NONE`.
#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    newer: usize,
    older: usize,
}

const NONE: usize = usize::MAX;

impl<K: Hash + Eq + Copy, V> Lru<K, V> {
    /// An empty table, which allocates nothing yet. It holds at least one value.
    pub(super) fn new(capacity: usize) -> Lru<K, V> {
        Lru {
            capacity: capacity.max(1),
            index: HashMap::new(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// The value of `key`, now the most recently used; `fresh` if there was none.
    pub(super) fn entry(&mut self, key: K, fresh: V) -> &mut V {
        let node = match self.index.get(&key) {
            Some(&node) => {
                self.unlink(node);
                node
            }
            None => self.place(key, fresh),
        };
        self.link_newest(node);
        &mut self.nodes[node].value
    }

    /// A place for a new value, outside the list: a new one, or that of the least recently used.
    fn place(&mut self, key: K, value: V) -> usize {
        let fresh = Node { key, value, newer: NONE, older: NONE };
        let node = if self.nodes.len() < self.capacity {
            self.nodes.push(fresh);
            self.nodes.len() - 1
        } else {
            let node = self.oldest;
            self.unlink(node);
            let forgotten = std::mem::replace(&mut self.nodes[node], fresh);
            self.index.remove(&forgotten.key);
            node
        };
        self.index.insert(key, node);
        node
    }

    fn unlink(&mut self, node: usize) {
        let Node { newer, older, .. } = self.nodes[node];
        match newer {
            NONE => self.newest = older,
            _ => self.nodes[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            _ => self.nodes[older].newer = newer,
        }
    }

    fn link_newest(&mut self, node: usize) {
        let older = self.newest;
        self.nodes[node].newer = NONE;
        self.nodes[node].older = older;
        match older {
            NONE => self.oldest = node,
            _ => self.nodes[older].newer = node,
        }
        self.newest = node;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_oldest_first(table: &Lru<u32, u32>) -> Vec<u32> {
        let mut keys = Vec::new();
        let mut node = table.oldest;
        while node != NONE {
            keys.push(table.nodes[node].key);
            node = table.nodes[node].newer;
        }
        keys
    }

    #[test]
    fn a_value_is_found_again_and_can_be_changed() {
        let mut table = Lru::new(2);
        *table.entry(1, 10) += 1;
        assert_eq!(*table.entry(1, 10), 11);
    }

    #[test]
    fn the_least_recently_used_is_forgotten_first() {
        let mut table = Lru::new(3);
        for key in [1, 2, 3, 1, 4] {
            table.entry(key, key);
        }
        assert_eq!(keys_oldest_first(&table), [3, 1, 4]);
        assert_eq!(*table.entry(2, 20), 20, "2 was forgotten");
        assert_eq!(keys_oldest_first(&table), [1, 4, 2]);
    }

    #[test]
    fn a_table_of_no_places_has_one() {
        let mut table = Lru::new(0);
        table.entry(1, 1);
        table.entry(2, 2);
        assert_eq!(keys_oldest_first(&table), [2]);
    }

    #[test]
    fn a_million_keys_do_not_outgrow_the_capacity() {
        let mut table = Lru::new(100);
        for key in 0..1_000_000 {
            table.entry(key, key);
        }
        assert_eq!((table.index.len(), table.nodes.len()), (100, 100));
        assert!(keys_oldest_first(&table).into_iter().eq(999_900..1_000_000));
    }
}
