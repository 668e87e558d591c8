//! What went wrong, by cause, and how often.

use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub struct Causes(BTreeMap<String, u64>);

impl Causes {
    pub fn count(&mut self, cause: &str) {
        match self.0.get_mut(cause) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(cause.to_owned(), 1)),
        }
    }

    /// One of them turns out to have had another cause.
    pub fn recount(&mut self, from: &str, to: &str) {
        if let Some(count) = self.0.get_mut(from) {
            *count -= 1;
        }
        self.0.retain(|_, count| *count > 0);
        self.count(to);
    }

    /// What was counted after `before`. A cause that a recount has made rarer is left out.
    pub fn since(&self, before: &Causes) -> BTreeMap<String, u64> {
        let more = self.0.iter().filter_map(|(cause, count)| {
            let more = count.saturating_sub(*before.0.get(cause).unwrap_or(&0));
            (more > 0).then(|| (cause.clone(), more))
        });
        more.collect()
    }

    pub fn into_map(self) -> BTreeMap<String, u64> {
        self.0
    }
}
