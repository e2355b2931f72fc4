//! The few things that were used last.

use super::budget::READERS;

/// As many things as readers are followed at once, or as said; of more, the one that was used longest ago goes.
#[derive(Debug)]
pub struct Recent<T> {
    /// Each with the time of its last use.
    things: Vec<(u64, T)>,
    most: usize,
    clock: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent::with_room(READERS)
    }
}

impl<T> Recent<T> {
    /// As many as these.
    pub fn with_room(most: usize) -> Recent<T> {
        Recent {
            things: Vec::new(),
            most,
            clock: 0,
        }
    }

    /// Uses the first thing that `find` finds something in.
    pub fn find<F>(&mut self, mut find: impl FnMut(&T) -> Option<F>) -> Option<(&mut T, F)> {
        self.clock += 1;
        let mut things = self.things.iter_mut();
        let (found, (last_use, thing)) = things.find_map(|entry| Some((find(&entry.1)?, entry)))?;
        *last_use = self.clock;
        Some((thing, found))
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.things.iter().map(|(_, thing)| thing)
    }

    /// The thing that was used or added last.
    pub fn last(&mut self) -> Option<&mut T> {
        let last = self
            .things
            .iter_mut()
            .max_by_key(|(last_use, _)| *last_use)?;
        Some(&mut last.1)
    }

    /// Uses the first thing that `find` finds something in, or a new one.
    pub fn find_or_add(
        &mut self,
        find: impl Fn(&T) -> Option<()>,
        new: impl FnOnce() -> T,
    ) -> &mut T {
        self.clock += 1;
        let found = self
            .things
            .iter()
            .position(|(_, thing)| find(thing).is_some());
        let place = match found {
            Some(place) => place,
            None => {
                self.add(new());
                let newest = self.things.iter().enumerate().max_by_key(|(_, one)| one.0);
                newest.map_or(0, |(place, _)| place)
            }
        };
        self.things[place].0 = self.clock;
        &mut self.things[place].1
    }

    /// Keeps what was used within so many uses, or of what is older, what is worth it.
    pub fn retain(&mut self, uses: u64, is_kept: impl Fn(&T) -> bool) {
        let since = self.clock.saturating_sub(uses);
        self.things
            .retain(|(last_use, thing)| *last_use >= since || is_kept(thing));
    }

    /// Adds a thing, and returns what has to go for it.
    pub fn add(&mut self, thing: T) -> Option<T> {
        self.clock += 1;
        let entry = (self.clock, thing);
        if self.things.len() < self.most {
            self.things.push(entry);
            return None;
        }
        let oldest = self
            .things
            .iter_mut()
            .min_by_key(|(last_use, _)| *last_use)?;
        Some(std::mem::replace(oldest, entry).1)
    }
}
