//! The menu over the message box while a name is being typed. Pure: `context::MessageBox` holds one,
//! and the component of the same name draws it.

use xmeet_shared::Pid;

use crate::mentions::{candidates, query_at};
use crate::room::members::Person;

/// A choice of the menu.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Mention this member.
    Member(Person),
    /// Change the own nickname.
    Rename,
    /// Load older messages.
    Older,
}

/// The menu. Without choices it is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Menu {
    choices: Vec<Choice>,
    /// The positions of the `@` and of the caret in bytes, while a name is being typed.
    typed: Option<(usize, usize)>,
    /// Whether the person closed the menu for this `@`.
    is_dismissed: bool,
}

/// A change of a text: `text` replaces the bytes from `start` to `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The position of the `@`.
    pub start: usize,
    /// The position of the caret.
    pub caret: usize,
    /// The end of the replaced part. A space behind the caret belongs to it.
    pub end: usize,
    /// The `@`, the name and a space.
    pub text: String,
}

impl Menu {
    /// Returns the menu for `text` with the caret at byte `caret`. A menu that the person closed stays
    /// closed for its `@`.
    #[must_use]
    pub fn follow(&self, text: &str, caret: usize, people: &[Person], me: Option<&Pid>) -> Self {
        let Some((at, name)) = query_at(text, caret) else { return Self::default() };
        let typed = Some((at, caret));
        if self.is_dismissed && self.typed.is_some_and(|(before, _)| before == at) {
            return Self { typed, ..self.clone() };
        }
        let members = candidates(people, me, name).into_iter().map(Choice::Member);
        let mut choices: Vec<_> = members.collect();
        if name.is_empty() && caret == text.len() && at == 0 {
            choices.extend([Choice::Rename, Choice::Older]);
        }
        Self { choices, typed, is_dismissed: false }
    }

    /// Returns the menu for the same text after the members have changed.
    #[must_use]
    pub fn refresh(&self, text: &str, people: &[Person], me: Option<&Pid>) -> Self {
        match self.typed {
            Some((_, caret)) => self.follow(text, caret, people, me),
            None => self.clone(),
        }
    }

    /// Returns the menu after the person has closed it.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { choices: Vec::new(), typed: self.typed, is_dismissed: true }
    }

    /// Returns the choices.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Returns the index of the choice that was at `index` in the menu `before`: the same member or
    /// command, or else the choice that is at its place.
    #[must_use]
    pub fn index_of_chosen(&self, before: &Self, index: usize) -> usize {
        let is_same = |choice: &Choice| match (choice, before.choices.get(index)) {
            (Choice::Member(one), Some(Choice::Member(other))) => one.pid == other.pid,
            (one, other) => Some(one) == other,
        };
        let last = self.choices.len().saturating_sub(1);
        self.choices.iter().position(is_same).unwrap_or(index.min(last))
    }

    /// Returns the change of `text` that completes `name`. `None` if the menu belongs to another text.
    #[must_use]
    pub fn complete(&self, text: &str, name: &str) -> Option<Completion> {
        let (start, caret) = self.typed?;
        query_at(text, caret).filter(|(found, _)| *found == start)?;
        let end = if text[caret..].starts_with(' ') { caret + 1 } else { caret };
        Some(Completion { start, caret, end, text: format!("@{name} ") })
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
    fn lone_at_offers_members_and_commands() {
        let alone = typed(&Menu::default(), "@");
        assert_eq!(alone.choices().len(), 4);
        assert_eq!(alone.choices()[2..], [Choice::Rename, Choice::Older]);
        assert_eq!(typed(&alone, "hi @").choices().len(), 2);
        assert_eq!(typed(&alone, "@c").choices().len(), 0);
        assert_eq!(typed(&alone, "@changename:").choices().len(), 0);
    }

    #[test]
    fn dismissed_menu_stays_closed_for_its_at() {
        let closed = typed(&Menu::default(), "@").closed();
        let after = typed(&closed, "@A");
        assert!(closed.choices().is_empty() && after.choices().is_empty());
        assert_eq!(typed(&after, "@A @A").choices().len(), 1, "another @");
        let gone = typed(&after, "");
        assert_eq!(typed(&gone, "@A").choices().len(), 1, "a new @ in its place");
    }

    #[test]
    fn completion_replaces_the_typed_part() {
        let menu = Menu::default().follow("你好@小 再见", 10, &people(), None);
        let change = menu.complete("你好@小 再见", "小明").unwrap();
        assert_eq!(change, Completion { start: 6, caret: 10, end: 11, text: "@小明 ".to_owned() });
        let wide = Menu::default().follow("你好＠小", 12, &people(), None);
        let change = wide.complete("你好＠小", "小明").unwrap();
        assert_eq!(change, Completion { start: 6, caret: 12, end: 12, text: "@小明 ".to_owned() });
        assert_eq!(menu.complete("another text", "小明"), None);
        assert_eq!(menu.complete("", "小明"), None);
    }

    #[test]
    fn open_menu_follows_renames_leaves_and_joins() {
        let named = |serial, name: &str| Person { pid: Pid::new(0, serial, 1), name: name.into() };
        let menu = typed(&Menu::default(), "@A");
        let renamed = menu.refresh("@A", &[named(1, "小明"), named(2, "Zed")], None);
        assert!(renamed.choices().is_empty(), "Anna is called Zed now");
        let joined =
            renamed.refresh("@A", &[named(1, "小明"), named(2, "Zed"), named(3, "Al")], None);
        assert_eq!(joined.choices(), [Choice::Member(named(3, "Al"))], "a newcomer is offered");
        let gone = joined.refresh("@A", &[], None);
        assert!(gone.choices().is_empty());
        let dismissed = joined.closed().refresh("@A", &people(), None);
        assert!(dismissed.choices().is_empty(), "it stays closed for its @");
        assert_eq!(Menu::default().refresh("@A", &people(), None), Menu::default());
    }

    #[test]
    fn chosen_member_stays_chosen_when_members_change() {
        let named = |serial, name: &str| Person { pid: Pid::new(0, serial, 1), name: name.into() };
        let before = typed(&Menu::default(), "@");
        assert_eq!(before.choices()[1], Choice::Member(named(2, "Anna")));
        let people = [named(3, "Al"), named(1, "小明"), named(2, "Annika")];
        let after = before.refresh("@", &people, None);
        assert_eq!(after.index_of_chosen(&before, 1), 2, "by id, whatever the name");
        assert_eq!(after.index_of_chosen(&before, 3), 4, "a command");
        let left = before.refresh("@", &people[..2], None);
        assert_eq!(left.index_of_chosen(&before, 1), 1, "the next one, if the member left");
        assert_eq!(Menu::default().index_of_chosen(&before, 1), 0);
    }
}
