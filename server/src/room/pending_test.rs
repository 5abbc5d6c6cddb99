//! The order of pending inputs, and the batches of the store.

use xmeet_shared::{Nickname, Pid};

use super::*;

const MEMBER: MemberKey = 1;

/// Returns a pending text of `text.len()` bytes.
fn text(text: &str, is_stored: bool) -> Pending {
    let message = Message {
        from: Pid::new(0, MEMBER, 1),
        nickname: Nickname::new("a").unwrap(),
        text: text.to_owned(),
        ts: 0,
    };
    Pending::Message { member: MEMBER, message: Arc::new(message), is_stored }
}

fn text_of(input: Option<Pending>) -> Option<String> {
    match input? {
        Pending::Message { message, .. } => Some(message.text.clone()),
        Pending::Action { .. } => panic!("not a text"),
    }
}

fn next_batch(queue: &mut PendingQueue) -> Option<Vec<String>> {
    let batch = queue.next_batch()?;
    Some(batch.iter().map(|message| message.text.clone()).collect())
}

#[test]
fn store_has_one_batch_at_a_time_and_later_messages_wait() {
    let mut queue = PendingQueue::default();
    assert_eq!(next_batch(&mut queue), None);
    for (letter, is_stored) in [("a", true), ("b", false), ("c", true)] {
        queue.push(text(letter, is_stored));
    }
    assert_eq!(next_batch(&mut queue), Some(vec!["a".to_owned(), "c".to_owned()]));
    queue.push(text("d", true));
    assert_eq!(next_batch(&mut queue), None, "the store has a batch");
    assert_eq!(text_of(queue.pop_ready()), None, "the first message waits for the store");
    for letter in ["a", "b", "c"] {
        assert_eq!(text_of(queue.pop_answered()).as_deref(), Some(letter));
    }
    assert_eq!(text_of(queue.pop_answered()), None, "this message is in a later batch");
    assert_eq!(next_batch(&mut queue), Some(vec!["d".to_owned()]));
}

#[test]
fn input_that_is_not_stored_is_ready_at_the_front() {
    let mut queue = PendingQueue::default();
    queue.push(text("a", false));
    queue.push(text("b", true));
    assert_eq!(text_of(queue.pop_ready()).as_deref(), Some("a"));
    assert_eq!(text_of(queue.pop_ready()), None);
}

#[test]
fn queue_counts_inputs_and_bytes_of_texts() {
    let mut queue = PendingQueue::default();
    assert_eq!((queue.is_empty(), queue.len(), queue.text_bytes()), (true, 0, 0));
    queue.push(text("three", false));
    queue.push(text("four", true));
    assert_eq!((queue.is_empty(), queue.len(), queue.text_bytes()), (false, 2, 9));
    queue.pop_ready();
    assert_eq!((queue.is_empty(), queue.len(), queue.text_bytes()), (false, 1, 4));
}
