//! Directories of numbered records, in any order: `records/`, `shards/NAME/`, `views/SPEC/`.

use super::entry::{DOTS, Each, Entry};
use super::extents::Extents;
use super::node::Node;
use super::{Tree, TreeError, flat_name};
use crate::dataset::Record;
use crate::dataset::numbered::NumberedNames;
use crate::format::name::MAX_COMPONENT_LEN;
use crate::order::{Order, Progression, View};
use crate::shard::ShardError;
use std::sync::Arc;

/// What stands between a position and the record's name, where entries have both.
const BEFORE_NAME: &[u8] = b"__";

/// A directory of records, each under its position in an order.
pub(super) struct Numbered<'a, O> {
    tree: &'a Tree,
    order: O,
    names: NumberedNames<'a>,
    /// Whether entries have the records' names, too.
    is_named: bool,
}

impl Tree {
    /// `records/`
    pub(super) fn all_records(&self) -> Numbered<'_, Progression> {
        let records = Progression::from(0..self.dataset.records());
        self.numbered(records, false)
    }

    /// A directory in `shards/`.
    pub(super) fn records_of_shard(
        &self,
        shard: u64,
    ) -> Result<Numbered<'_, Progression>, TreeError> {
        let shard = usize::try_from(shard).map_err(|_| TreeError::NotFound)?;
        let first = self.dataset.first_record(shard);
        let end = self.dataset.first_record(shard.saturating_add(1));
        let (first, end) = first.zip(end).ok_or(TreeError::NotFound)?;
        Ok(self.numbered(Progression::from(first..end), false))
    }

    /// A directory in `views/`.
    pub(super) fn records_of_view(&self, id: u64) -> Result<Numbered<'_, Arc<View>>, TreeError> {
        let view = self.views.get(id)?;
        Ok(self.numbered(Arc::clone(view.order()), view.has_names()))
    }

    fn numbered<O: Order>(&self, order: O, is_named: bool) -> Numbered<'_, O> {
        Numbered {
            tree: self,
            names: NumberedNames::new(order.len(), &self.extension),
            order,
            is_named,
        }
    }
}

impl<O: Order> Numbered<'_, O> {
    /// The record that `name` stands for, with any padding.
    pub fn child(&self, name: &[u8]) -> Result<Option<Node>, TreeError> {
        let record = match self.names.parse(name) {
            Some(position) => self.order.record_at(position),
            None if self.is_named => self.named_child(name)?,
            None => None,
        };
        Ok(record.map(Node::Record))
    }

    /// Writes the name of the record at a position over what `name` held.
    pub fn name(&self, position: u64, name: &mut Vec<u8>) {
        self.names.write(position, name);
    }

    /// The record whose position and name `name` has.
    fn named_child(&self, name: &[u8]) -> Result<Option<u64>, TreeError> {
        let digits = name.iter().take_while(|byte| byte.is_ascii_digit());
        let (digits, rest) = name.split_at(digits.count());
        let position = std::str::from_utf8(digits).ok();
        let position = position.and_then(|digits| digits.parse().ok());
        let Some(position) = position.filter(|_| rest.starts_with(BEFORE_NAME)) else {
            return Ok(None);
        };
        let Some(number) = self.order.record_at(position) else {
            return Ok(None);
        };
        let mut entry = Vec::new();
        let record = self.tree.record(number)?;
        let record = self.tree.dataset.get(record).ok_or(TreeError::NotFound)?;
        match self.write_name(position, &record, &mut entry) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.is_damage() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let own = entry.iter().take_while(|byte| byte.is_ascii_digit());
        let own = own.count();
        Ok((entry[own..] == *rest).then_some(number))
    }

    /// Writes position and name over what `entry` held; returns whether the record has a valid name.
    fn write_name(
        &self,
        position: u64,
        record: &Record<'_>,
        entry: &mut Vec<u8>,
    ) -> Result<bool, ShardError> {
        let Some(name) = record.valid_name()? else {
            return Ok(false);
        };
        self.names.write_digits(position, entry);
        entry.extend(BEFORE_NAME);
        let room = MAX_COMPONENT_LEN - entry.len();
        flat_name::write(name.as_bytes(), room, entry);
        Ok(true)
    }

    /// Lists all records but the first `from`, also those whose size or name cannot be read.
    pub fn list(&self, from: u64, each: Each<'_>) -> Result<(), TreeError> {
        let mut entry = Vec::new();
        let mut extents = Extents::new(&self.tree.dataset);
        for position in from..self.order.len() {
            let Some(number) = self.order.record_at(position) else {
                break;
            };
            let record = self.tree.record(number)?;
            let record = self.tree.dataset.get(record).ok_or(TreeError::NotFound)?;
            let is_written = self.is_named
                && self
                    .write_name(position, &record, &mut entry)
                    .unwrap_or(false);
            if !is_written {
                self.names.write(position, &mut entry);
            }
            let (attr, attr_is_complete) = self.tree.listed_record(number, extents.get(number))?;
            let flow = each(&Entry {
                name: &entry,
                cookie: DOTS + position + 1,
                attr,
                attr_is_complete,
            });
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}
