//! The daily storage budgets of addresses and rooms. Pure: time is a number of nanoseconds.
//!
//! Both tables are bounded. A budget that is full again is removed, because a new one would be the
//! same. If a table is full all the same, the half with the smallest debts is removed, so that many
//! small senders do not erase the debt of a large one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use xmeet_shared::RoomId;

use super::bucket::{Bucket, Rate};
use super::counters::LimitKind;
use super::network::AddressKey;

/// Budgets in each table.
const BUDGETS_MAX: usize = 65_536;

/// Bytes of a message in the store beside its text: name, pid, numbers, and its part of the room's
/// rows.
const MESSAGE_OVERHEAD_BYTES: u64 = 128;

/// Bytes that may be stored. `None` is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct BudgetRates {
    /// By one address.
    pub address: Option<Rate>,
    /// In one room.
    pub room: Option<Rate>,
}

/// A message that is more than a budget has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget {
    /// The budget.
    pub kind: LimitKind,
    /// The time until the budget has enough for the message, in nanoseconds.
    pub wait_ns: u64,
}

/// The daily storage budgets of all addresses and rooms. Shared by all sessions.
#[derive(Debug, Default)]
pub struct StoreBudgets {
    rates: BudgetRates,
    tables: Mutex<(Table<AddressKey>, Table<RoomId>)>,
}

impl StoreBudgets {
    /// Creates full budgets.
    #[must_use]
    pub fn new(rates: BudgetRates) -> Self {
        Self { rates, tables: Mutex::default() }
    }

    /// Returns whether there is any limit.
    #[must_use]
    pub fn are_set(&self) -> bool {
        self.rates.address.is_some() || self.rates.room.is_some()
    }

    /// Charges the budgets for a text of `text_bytes`. `address` is `None` if addresses do not count.
    ///
    /// # Errors
    /// [`OverBudget`] if a budget has not enough left. Nothing is charged then.
    pub fn take(
        &self,
        address: Option<AddressKey>,
        room: &RoomId,
        text_bytes: usize,
        now_ns: u64,
    ) -> Result<(), OverBudget> {
        if !self.are_set() {
            return Ok(());
        }
        let bytes = text_bytes as u64 + MESSAGE_OVERHEAD_BYTES;
        let address_budget = self.rates.address.zip(address);
        let room_rate = self.rates.room;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let (addresses, rooms) = &mut *tables;
        let address_ns =
            address_budget.map_or(0, |(rate, key)| addresses.wait_ns(&key, rate, bytes, now_ns));
        let room_ns = room_rate.map_or(0, |rate| rooms.wait_ns(room, rate, bytes, now_ns));
        if address_ns > 0 || room_ns > 0 {
            let (kind, wait_ns) = if address_ns >= room_ns {
                (LimitKind::AddressStored, address_ns)
            } else {
                (LimitKind::RoomStored, room_ns)
            };
            return Err(OverBudget { kind, wait_ns });
        }
        if let Some((rate, key)) = address_budget {
            addresses.owe(&key, rate, bytes, now_ns);
        }
        if let Some(rate) = room_rate {
            rooms.owe(room, rate, bytes, now_ns);
        }
        Ok(())
    }
}

/// The budgets of addresses or of rooms. A budget that is not in the table is full.
#[derive(Debug)]
struct Table<K>(HashMap<K, Bucket>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Table<K> {
    /// Returns the time until a budget has enough left, in nanoseconds.
    fn wait_ns(&self, key: &K, rate: Rate, bytes: u64, now_ns: u64) -> u64 {
        self.0.get(key).map_or(0, |bucket| bucket.wait_ns(rate, bytes, now_ns))
    }

    /// Charges a budget, up to all of it. Makes room in a full table first.
    fn owe(&mut self, key: &K, rate: Rate, bytes: u64, now_ns: u64) {
        let bytes = bytes.min(rate.burst_tokens());
        if let Some(bucket) = self.0.get_mut(key) {
            return bucket.owe(rate, bytes, now_ns);
        }
        if self.0.len() >= BUDGETS_MAX {
            self.remove_small_debts(now_ns);
        }
        self.0.entry(key.clone()).or_default().owe(rate, bytes, now_ns);
    }

    /// Removes full buckets, and if that is not enough the half with the smallest debts.
    fn remove_small_debts(&mut self, now_ns: u64) {
        self.0.retain(|_, bucket| !bucket.is_full(now_ns));
        if self.0.len() > BUDGETS_MAX / 2 {
            let mut full_at: Vec<_> = self.0.values().map(Bucket::full_at_ns).collect();
            let (_, median, _) = full_at.select_nth_unstable(self.0.len() / 2);
            let median = *median;
            self.0.retain(|_, bucket| bucket.full_at_ns() > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: u64 = 24 * 60 * 60 * 1_000_000_000;

    fn budgets(address: u64, room: u64) -> StoreBudgets {
        StoreBudgets::new(BudgetRates {
            address: Rate::per_day(address),
            room: Rate::per_day(room),
        })
    }

    fn room(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    const ONE: Option<AddressKey> = Some(AddressKey::V4(1));
    const OTHER: Option<AddressKey> = Some(AddressKey::V4(2));
    const TEXT: usize = 1000 - MESSAGE_OVERHEAD_BYTES as usize;

    #[test]
    fn address_over_budget_is_refused_and_others_are_not() {
        let budgets = budgets(10_000, 0);
        for number in 0..10 {
            assert_eq!(budgets.take(ONE, &room(&number.to_string()), TEXT, 0), Ok(()));
        }
        let over = OverBudget { kind: LimitKind::AddressStored, wait_ns: DAY_NS / 10 };
        assert_eq!(budgets.take(ONE, &room("a"), TEXT, 0), Err(over));
        assert_eq!(budgets.take(OTHER, &room("a"), TEXT, 0), Ok(()));
        assert_eq!(budgets.take(ONE, &room("a"), TEXT, DAY_NS / 10), Ok(()), "it refills");
    }

    #[test]
    fn room_over_budget_refuses_all_and_charges_no_address() {
        let budgets = budgets(20_000, 10_000);
        for _ in 0..10 {
            assert_eq!(budgets.take(ONE, &room("a"), TEXT, 0), Ok(()));
        }
        for address in [ONE, OTHER, None] {
            let over = budgets.take(address, &room("a"), TEXT, 0).unwrap_err();
            assert_eq!(over.kind, LimitKind::RoomStored);
        }
        for _ in 0..10 {
            assert_eq!(budgets.take(ONE, &room("b"), TEXT, 0), Ok(()), "refusals cost nothing");
        }
    }

    #[test]
    fn without_limits_no_budgets_are_stored() {
        let budgets = budgets(0, 0);
        assert_eq!(budgets.take(ONE, &room("a"), usize::MAX >> 1, 0), Ok(()));
        assert!(!budgets.are_set() && budgets.tables.lock().unwrap().0.0.is_empty());
    }

    #[test]
    fn full_table_keeps_the_largest_debts() {
        let budgets = budgets(1_000_000, 0);
        for _ in 0..1000 {
            assert_eq!(budgets.take(ONE, &room("a"), TEXT, 0), Ok(()));
        }
        for number in 0..3 * BUDGETS_MAX as u64 {
            let stranger = Some(AddressKey::V6(number));
            assert_eq!(budgets.take(stranger, &room("a"), 0, 0), Ok(()));
            assert!(budgets.tables.lock().unwrap().0.0.len() <= BUDGETS_MAX);
        }
        assert!(budgets.take(ONE, &room("a"), TEXT, 0).is_err());
    }
}
