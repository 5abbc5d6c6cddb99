//! The menu over the message box while a name is being typed: pure. The store holds one, and the
//! component of the same name draws it.

use xmeet_shared::Pid;

use crate::mentions::{candidates, query_at};
use crate::room::members::Person;

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Mention this member.
    Member(Person),
    /// Change one's own name.
    Rename,
    /// Load older messages.
    Older,
}

/// The menu; without choices it is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Menu {
    choices: Vec<Choice>,
    /// The `@`, and the end of what is typed of the name, in bytes.
    typed: (usize, usize),
    /// The `@` for which it was closed.
    closed_for: Option<usize>,
}

impl Menu {
    /// The menu once `text` has its caret at `caret`. One that was closed stays closed for its `@`.
    #[must_use]
    pub fn follow(&self, text: &str, caret: usize, people: &[Person], me: Option<&Pid>) -> Self {
        let Some((at, name)) = query_at(text, caret) else { return Self::default() };
        if self.closed_for == Some(at) {
            return self.clone();
        }
        let members = candidates(people, me, name).into_iter().map(Choice::Member);
        let mut choices: Vec<_> = members.collect();
        if text == "@" {
            choices.extend([Choice::Rename, Choice::Older]);
        }
        Self { choices, typed: (at, caret), closed_for: None }
    }

    /// The menu once a person has closed it.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { closed_for: Some(self.typed.0), ..Self::default() }
    }

    /// What there is to choose.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// `text` with all of `name` in it, and the place behind it. `None` for another text than the
    /// menu is about.
    #[must_use]
    pub fn complete(&self, text: &str, name: &str) -> Option<(String, usize)> {
        let (at, end) = self.typed;
        query_at(text, end).filter(|(found, _)| *found == at)?;
        let mut whole = format!("{}@{name} ", &text[..at]);
        let caret = whole.len();
        let rest = &text[end..];
        whole.push_str(rest.strip_prefix(' ').unwrap_or(rest));
        Some((whole, caret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<Person> {
        let person = |serial, name: &str| Person { pid: Pid::new(0, serial, 1), name: name.into() };
        vec![person(1, "小明"), person(2, "Anna")]
    }

    fn typed(menu: &Menu, text: &str) -> Menu {
        menu.follow(text, text.len(), &people(), None)
    }

    #[test]
    fn commands_are_offered_for_a_lone_at_only() {
        let alone = typed(&Menu::default(), "@");
        assert_eq!(alone.choices().len(), 4);
        assert_eq!(alone.choices()[2..], [Choice::Rename, Choice::Older]);
        assert_eq!(typed(&alone, "hi @").choices().len(), 2);
        assert_eq!(typed(&alone, "@c").choices().len(), 0);
        assert_eq!(typed(&alone, "@changename:").choices().len(), 0);
    }

    #[test]
    fn closed_it_stays_closed_for_its_at() {
        let closed = typed(&Menu::default(), "@").closed();
        let after = typed(&closed, "@A");
        assert!(closed.choices().is_empty() && after.choices().is_empty());
        assert_eq!(typed(&after, "@A @A").choices().len(), 1, "another @");
        let gone = typed(&after, "");
        assert_eq!(typed(&gone, "@A").choices().len(), 1, "a new @ in its place");
    }

    #[test]
    fn a_name_is_put_in_place_of_what_was_typed() {
        let menu = Menu::default().follow("你好@小 再见", 10, &people(), None);
        let (text, caret) = menu.complete("你好@小 再见", "小明").unwrap();
        assert_eq!((text.as_str(), &text[caret..]), ("你好@小明 再见", "再见"));
        assert_eq!(menu.complete("another text", "小明"), None);
        assert_eq!(menu.complete("", "小明"), None);
    }
}
