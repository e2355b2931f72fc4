//! `views/`: records in other orders. A view is there as soon as somebody looks its name up, which
//! says all about it; `views/` lists those that were used.
//!
//! What a million names that somebody looks up take has to be bounded, so the view that was not used
//! for the longest time is forgotten where there are too many. Its number is never given to another
//! view: whoever still has it is told so (`ESTALE`), upon which the kernel looks the name up again
//! (`filename_lookup` in its fs/namei.c, and likewise when it opens a file), and finds the view under a
//! new number.

use super::entry::{DOTS, Each};
use super::node::{MAX_VIEW_IDS, Node};
use super::orders::OrderId;
use super::{Tree, TreeError};
use crate::order::{Order, Spec, SpecError, View};
use crate::sys::lock;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

/// The most views that are remembered: about 1 MB. An epoch of 8 machines with 8 workers each has 64.
const MOST_VIEWS: usize = 1024;
/// Numbers of views begin at the mount's millisecond with these many bits behind it: as no machine looks
/// up as many names in a millisecond, the numbers of two mounts, one after the other, are different ones,
/// and a file handle of the earlier one stands for nothing in the later.
const ID_BITS_OF_A_MILLISECOND: u32 = 14;

/// The views that were used.
#[derive(Debug)]
pub(super) struct Views {
    /// How many records there are.
    records: u64,
    first_id: u64,
    used: Mutex<UsedViews>,
    /// How often one was added.
    additions: AtomicU64,
}

#[derive(Debug)]
struct UsedViews {
    by_id: BTreeMap<u64, UsedView>,
    ids: HashMap<Spec, u64>,
    next_id: u64,
    /// Counts uses, as a clock.
    now: u64,
    /// When one was added.
    changed: Option<SystemTime>,
}

/// A view that was used.
#[derive(Debug, Clone)]
pub(super) struct UsedView {
    spec: Spec,
    order: Arc<View>,
    last_use: u64,
    /// Nobody has looked it up yet.
    is_guess: bool,
}

impl UsedView {
    /// Its records.
    pub fn order(&self) -> &Arc<View> {
        &self.order
    }

    /// Whether its entries have the records' names.
    pub fn has_names(&self) -> bool {
        self.spec.has_names()
    }
}

impl Views {
    /// Of this many records, none yet, on a mount that is made at this time.
    pub fn new(records: u64, time: SystemTime) -> Views {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let milliseconds = since.map_or(0, |since| since.as_millis() as u64);
        let first_id = (milliseconds << ID_BITS_OF_A_MILLISECOND) % MAX_VIEW_IDS;
        Views {
            records,
            first_id,
            used: Mutex::new(UsedViews {
                by_id: BTreeMap::new(),
                ids: HashMap::new(),
                next_id: first_id,
                now: 0,
                changed: None,
            }),
            additions: AtomicU64::new(0),
        }
    }

    fn used(&self) -> MutexGuard<'_, UsedViews> {
        lock(&self.used)
    }

    /// The view of this name.
    pub fn child(&self, name: &[u8]) -> Result<Option<Node>, TreeError> {
        if name.starts_with(b".") {
            // Programs look for hidden files everywhere; that is no mistake of anybody's.
            return Ok(None);
        }
        let spec = match std::str::from_utf8(name) {
            Ok(text) => text.parse(),
            Err(_) => Err(SpecError::NoOperation(name.escape_ascii().to_string())),
        };
        let spec = spec.map_err(TreeError::NoSuchView)?;
        Ok(Some(Node::View(self.use_view(spec))))
    }

    /// The number of a view, which is remembered from now on.
    fn use_view(&self, spec: Spec) -> u64 {
        let mut used = self.used();
        let id = used.id_of(spec, self.records);
        used.touch(id);
        if used.is_guess(id, false) {
            used.changed = Some(SystemTime::now());
            self.additions.fetch_add(1, Ordering::Release);
        }
        id
    }

    /// What a view is called.
    pub fn name(&self, id: u64) -> Option<String> {
        Some(self.used().by_id.get(&id)?.spec.to_string())
    }

    /// The view that comes after this one, as epochs follow each other. It is not listed before
    /// somebody looks it up.
    pub fn next_epoch(&self, id: u64) -> Option<(OrderId, Arc<dyn Order>)> {
        let mut used = self.used();
        let next = used.by_id.get(&id)?.spec.next_epoch()?;
        let id = used.id_of(next, self.records);
        let order = Arc::clone(&used.by_id.get(&id)?.order);
        Some((OrderId::View(id), order))
    }

    /// The view with a number.
    pub fn get(&self, id: u64) -> Result<UsedView, TreeError> {
        let mut used = self.used();
        used.touch(id);
        used.by_id.get(&id).cloned().ok_or(TreeError::Stale)
    }

    /// Never forgets a view.
    pub fn keep(&self, id: u64) {
        if let Some(view) = self.used().by_id.get_mut(&id) {
            view.last_use = u64::MAX;
        }
    }

    /// When a view was added.
    pub fn changed(&self) -> Option<SystemTime> {
        self.used().changed
    }

    /// How often a view was added.
    pub fn additions(&self) -> u64 {
        self.additions.load(Ordering::Acquire)
    }

    /// The orders of so many that were used last, the last one first.
    pub fn orders(&self, most: usize) -> Vec<(OrderId, Arc<dyn Order>)> {
        let used = self.used();
        let mut views: Vec<(&u64, &UsedView)> = used.by_id.iter().collect();
        views.retain(|(_, view)| !view.is_guess);
        views.sort_by_key(|(_, view)| std::cmp::Reverse(view.last_use));
        let views = views.into_iter().take(most);
        let orders = views.map(|(&id, view)| (OrderId::View(id), Arc::clone(&view.order) as _));
        orders.collect()
    }

    /// Names of the views whose numbers come at least `from` behind the first one, with that distance.
    fn names(&self, from: u64) -> Vec<(u64, u64, String)> {
        let Some(first) = self.first_id.checked_add(from) else {
            return Vec::new();
        };
        let used = self.used();
        let views = used.by_id.range(first..).filter(|one| !one.1.is_guess);
        let names = views.map(|(&id, view)| (id, id - self.first_id, view.spec.to_string()));
        names.collect()
    }
}

impl UsedViews {
    /// The number of a view of so many records: a guess, if it has none yet.
    fn id_of(&mut self, spec: Spec, records: u64) -> u64 {
        if let Some(&id) = self.ids.get(&spec) {
            return id;
        }
        if self.ids.len() >= MOST_VIEWS {
            self.forget_oldest();
        }
        let id = self.next_id;
        self.next_id = (id + 1) % MAX_VIEW_IDS;
        let order = Arc::new(spec.of(records));
        self.ids.insert(spec.clone(), id);
        let view = UsedView {
            spec,
            order,
            last_use: 0,
            is_guess: true,
        };
        self.by_id.insert(id, view);
        self.touch(id);
        id
    }

    /// Whether a view was a guess; from now on it is, or is not.
    fn is_guess(&mut self, id: u64, is: bool) -> bool {
        let view = self.by_id.get_mut(&id);
        view.is_some_and(|view| std::mem::replace(&mut view.is_guess, is))
    }

    fn touch(&mut self, id: u64) {
        self.now += 1;
        if let Some(view) = self.by_id.get_mut(&id) {
            view.last_use = view.last_use.max(self.now);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.by_id.iter().min_by_key(|(_, view)| view.last_use);
        if let Some(id) = oldest.map(|(&id, _)| id)
            && let Some(view) = self.by_id.remove(&id)
        {
            self.ids.remove(&view.spec);
        }
    }
}

impl Tree {
    /// Lists the views that were used, from one number on.
    pub(super) fn list_views(&self, from: u64, each: Each<'_>) -> Result<(), TreeError> {
        for (id, distance, name) in self.views.names(from) {
            let given = self.give(name.as_bytes(), DOTS + distance, Node::View(id), each);
            match given {
                Ok(flow) if flow.is_break() => break,
                // One that was forgotten meanwhile is no more there.
                Ok(_) | Err(TreeError::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn views() -> Views {
        Views::new(10, SystemTime::UNIX_EPOCH + Duration::from_millis(5))
    }

    fn id(views: &Views, seed: usize) -> u64 {
        match views.child(format!("shuffle={seed}").as_bytes()) {
            Ok(Some(Node::View(id))) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_view_keeps_its_number_while_it_is_used_and_no_other_ever_has_it() {
        let views = views();
        let first = id(&views, 0);
        assert_eq!(first, 5 << 14);
        assert_eq!(id(&views, 0), first);
        let mut seen = std::collections::HashSet::from([first]);
        for seed in 1..3 * MOST_VIEWS {
            assert!(seen.insert(id(&views, seed)), "{seed}");
            assert_eq!(id(&views, 0), first, "used again and again");
        }
        assert_eq!(views.names(0).len(), MOST_VIEWS);
        let old = first + 1;
        assert!(matches!(views.get(old), Err(TreeError::Stale)));
        assert!(id(&views, 1) > old, "a new number");
    }

    #[test]
    fn a_view_that_is_kept_is_never_forgotten() {
        let views = views();
        let kept = id(&views, 0);
        views.keep(kept);
        for seed in 1..2 * MOST_VIEWS {
            id(&views, seed);
        }
        assert!(views.get(kept).is_ok());
        assert_eq!(views.names(0).len(), MOST_VIEWS);
    }

    #[test]
    fn reading_ahead_is_told_that_there_are_more_orders_and_gets_the_last_one_first() {
        let views = views();
        assert_eq!((views.additions(), views.orders(8).len()), (0, 0));
        let [first, _] = [id(&views, 0), id(&views, 1)];
        views.get(first).expect("used");
        assert_eq!(views.additions(), 2);
        let orders = views.orders(8);
        assert_eq!(orders.len(), 2);
        assert_eq!(views.orders(1)[0].0, OrderId::View(first));
        let expected = views.get(first).expect("used").order().record_at(0);
        assert_eq!(orders[0].1.record_at(0), expected);
    }
}
